"""Whether people are kept apart, on generated clips whose people are known exactly, as a table.

    python benchmarks/identity.py [--clips circle hidden ...] [--seeds 0 1] [--body resources/body_models/open]

Scored by py-motmetrics. Time is CPU time of the stage per frame, decoding included.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from identity_clips.choreographies import CLIPS
from identity_clips.making import make_clip
from identity_scores import score_masks

from nlf_pipeline.artefacts import IdentityDoubts, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segment import segment

COLUMNS = (
    "clip",
    "people",
    "found",
    "switches",
    "IDF1",
    "MOTA",
    "recall",
    "precision",
    "fragmentations",
    "doubts",
    "CPU s per frame",
)


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    clips: tuple[str, ...] = tuple(CLIPS)
    """Names of clips, or folders of clips with clip.mp4, video.json and the true masks.json."""
    seeds: tuple[int, ...] = (0,)
    """Of bodies, clothes and paths; not of folders."""
    folder: Path = Path("results/identity_clips")
    """Where the clips are, or are made; what is found stays in each clip's folder, under `found`."""
    body: Path = Path("resources/body_models/open")
    """Folder of the open body."""
    make_only: bool = False
    """Only make the clips."""


def row(name: str, clip: Path, out: Path) -> str:
    """Segment a clip and score it: a row of the table."""
    start = time.process_time()
    segment(
        video=clip / "clip.mp4",
        video_facts=clip / "video.json",
        out=out / "masks.json",
        bystanders_out=out / "bystanders.json",
        doubts_out=out / "identity_doubts.json",
    )
    seconds = (time.process_time() - start) / VideoFacts.load(clip / "video.json").n_frames
    true, found = MaskTracks.load(clip / "masks.json"), MaskTracks.load(out / "masks.json")
    doubts = IdentityDoubts.load(out / "identity_doubts.json").doubts
    scores = score_masks(true, found)
    return (
        f"| {name} | {len(true.person_ids)} | {len(found.person_ids)} | {scores.switches} | {scores.idf1:.3f} "
        f"| {scores.mota:.3f} | {scores.recall:.3f} | {scores.precision:.3f} | {scores.fragmentations} "
        f"| {len(doubts)} | {seconds:.3f} |"
    )


def main() -> None:
    arguments = tyro.cli(Arguments)
    torch.set_num_threads(1)
    if not arguments.make_only:
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    try:
        for name in arguments.clips:
            folders = (
                [Path(name)]
                if (Path(name) / "clip.mp4").is_file()
                else [make_clip(name, seed, arguments.folder, arguments.body) for seed in arguments.seeds]
            )
            for clip in [] if arguments.make_only else folders:
                print(row(clip.name, clip, arguments.folder / clip.name / "found"), flush=True)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
