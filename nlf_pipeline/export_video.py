"""Command `export`: a finished result in the formats of other tools, at once and without the workflow."""

import difflib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from nlf_pipeline.artefacts import Bodies
from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters import EXPORT_FORMATS, ExportFormat
from nlf_pipeline.workflow.states.video_states import known_videos

FORMATS: tuple[str, ...] = (*EXPORT_FORMATS, "fbx", "reference")
log = logging.getLogger(__name__)


def export_video(
    video_id: Annotated[Positional[str], arg(metavar="VIDEO_ID")],
    formats: Annotated[Positional[tuple[str, ...]], arg(metavar="FORMAT ...", help_behavior_hint="")] = (),
    /,
    *,
    results: Path = Path("results"),
    body: Path | None = None,
) -> None:
    """Write a finished video's motion in formats that other tools open: nlf-pipeline export dance glb bvh.

    Each format gets a folder, results/VIDEO_ID/export/FORMAT; docs/exports.md has them all. A run of the workflow whose
    setting `export` names the format makes that folder anew, as it does not know how this one was made.

    Args:
        video_id: the video.
        formats: any of glb, usd, fbx (makes glb, too), bvh, amass, smpl, trc, c3d, csv, colmap, nerfstudio, reference.
        results: folder with one folder per video; resources/ is looked for beside it.
        body: folder of the body model; by default the one in resources/body_models that the bodies belong to.

    Raises:
        UserError: if there is no such format, the video is not finished, or its body model is not there.
    """
    _check_formats(formats)
    folder = results / video_id
    _check_finished(folder, results)
    if body is None:
        body = results.parent / "resources" / "body_models" / Bodies.load(folder / "bodies.npz").body_model
    wanted = ["glb", *formats] if "fbx" in formats else formats
    for name in dict.fromkeys(wanted):
        out = folder / "export" / name
        _write(name, folder, body, out)
        _date_back(out, folder / "bodies.npz")
        log.info("%s: %s", out, ", ".join(sorted(path.name for path in out.iterdir())) or "nobody is in the video")


def _check_formats(formats: Sequence[str]) -> None:
    expected = f"expected some of {', '.join(FORMATS)} (docs/exports.md)"
    if not formats:
        raise UserError(f"formats: found none, {expected}.")
    for name in formats:
        if name not in FORMATS:
            near = difflib.get_close_matches(name.lower(), FORMATS, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(f"formats: found {name!r}, {expected}.{hint}")


def _check_finished(folder: Path, results: Path) -> None:
    if not folder.is_dir():
        there = ", ".join(known_videos(results, results.parent / "logs")[:20]) or "none"
        raise UserError(
            f"{folder.name}: no such video in {results.absolute()}, found {there}. Go to where the workflow runs, "
            f"name the folder (--results DIR), or make it: snakemake --config video_id={folder.name}"
        )
    missing = [name for name in ("bodies.npz", "world_cameras.npz", "video.json") if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder}: {', '.join(missing)} not found, expected a video that is finished. Make them with: "
            f"snakemake --config video_id={folder.name}"
        )


def _write(name: str, folder: Path, body: Path, out: Path) -> None:
    facts, bodies, cameras = folder / "video.json", folder / "bodies.npz", folder / "world_cameras.npz"
    if name == "fbx":
        from nlf_pipeline.export_fbx import export_fbx

        export_fbx(glb=folder / "export" / "glb", out=out)
    elif name == "reference":
        from nlf_pipeline.export_reference import export_reference

        export_reference(
            video=folder / "clip.mp4",
            video_facts=facts,
            masks=folder / "masks.json",
            people_mask=folder / "people_mask.json",
            predictions=folder / "predictions.xz",
            bodies=bodies,
            world_cameras=cameras,
            view_cameras=folder / "view_cameras.npz",
            body=body,
            out=out,
        )
    else:
        from nlf_pipeline.export import export

        (chosen,) = (known for known in get_args(ExportFormat) if known == name)
        export(
            format=chosen,
            bodies=bodies,
            world_cameras=cameras,
            video_facts=facts,
            body=body,
            out=out,
            edits=folder / "tracks.yaml",
        )


def _date_back(out: Path, source: Path) -> None:
    """Make a folder older than what it was made of, so that Snakemake makes it anew where it is wanted.

    It knows nothing of a name or a version of the code that went into what it has not made.
    """
    before = source.stat().st_mtime - 1
    os.utime(out, (before, before))
