"""Stage: everybody's body in every frame, in the camera frame."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.estimators import EstimatorName, make_estimator
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache, file_digest
from nlf_pipeline.predictions import writing_predictions
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import WEIGHTS_DIR
from nlf_pipeline.workflow.versions import code_version


def estimate(
    *,
    video: Path,
    video_facts: Path,
    masks: Path,
    intrinsics: Path,
    body: Path,
    out: Path,
    detected_masks: Path | None = None,
    cache: Path | None = None,
    estimator: EstimatorName = "blazepose",
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
    nlf: NlfOptions = NlfOptions(),  # noqa: B008  (frozen)
    checkpoints: Path | None = None,
    predictions_file: Path | None = None,
    masks_file: Path | None = None,
) -> None:
    """Estimate the body of every person in every frame, in the camera frame.

    Args:
        video: clip.mp4.
        video_facts: video.json of the clip.
        masks: masks.json: whom to estimate, and where; row k of the result is its row k.
        intrinsics: intrinsics.json.
        body: folder with the body model.
        out: predictions.xz: vertices (the body's subset), joints and their uncertainties, metres.
        detected_masks: detected_masks.json, the tracks before they were edited; those of `masks` unless given.
        cache: folder for what was computed of each person, to be used again; nothing is kept unless given.
        estimator: which method estimates.
        weights: folder with the weights that nlf needs.
        device: where nlf runs.
        nlf: options of nlf.
        checkpoints: folder for what is done so far of people who are not in `cache` yet, from which a run that was
            stopped goes on; removed at the end. Nothing is kept unless given.
        predictions_file: for `file`: everybody's bodies in the format of `out`, of all vertices or the body's subset.
        masks_file: for `file`: the masks of the people in it, in the same order.

    Raises:
        UserError: if the files belong to different clips, the body model or the weights are not complete, or the
            device cannot be used.
    """
    facts, tracks, lens = VideoFacts.load(video_facts), MaskTracks.load(masks), Intrinsics.load(intrinsics)
    detected = tracks if detected_masks is None else MaskTracks.load(detected_masks)
    all_tracks = {masks: tracks, detected_masks or masks: detected}
    _check_sizes({intrinsics: lens.size_px, **{path: t.size_px for path, t in all_tracks.items()}}, facts)
    _check_lengths({path: t.n_frames for path, t in all_tracks.items()}, facts)
    if ((tracks.rows_in(detected) < 0) & tracks.visible).any():
        raise ArtefactError(f"{masks} has masks that {detected_masks} does not have. Delete it and run again.")
    clip = None if cache is None and checkpoints is None else file_digest(video)
    people, chunks = PersonCache(cache, clip), ChunkStore(checkpoints, clip, code_version("estimate"))
    person_ids = np.array(tracks.person_ids, dtype=np.int64)
    method = make_estimator(estimator, body, people, weights, device, nlf, chunks, predictions_file, masks_file)
    with writing_predictions(out, person_ids, facts.fps, facts.n_frames) as sink:
        for frame in method.estimate(read_frames(video), facts, tracks, detected, lens):
            sink.append(frame)
    people.prune()
    chunks.clear()


def _check_sizes(sizes_px: Mapping[Path, tuple[int, int]], facts: VideoFacts) -> None:
    for path, found in sizes_px.items():
        if tuple(found) != facts.size_px:
            raise UserError(
                f"{path} is for pictures of {found[0]}x{found[1]} pixels, the clip has "
                f"{facts.width_px}x{facts.height_px}. Delete it and run again."
            )


def _check_lengths(lengths: Mapping[Path, int], facts: VideoFacts) -> None:
    for path, n_frames in lengths.items():
        if n_frames != facts.n_frames:
            raise UserError(f"{path} has {n_frames} frames, the clip has {facts.n_frames}. Delete it and run again.")
