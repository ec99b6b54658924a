"""Time and memory of every stage of a finished run, and how accurate it was where there is truth.

    python benchmarks/stage_times.py demo

The workflow measures each stage when it runs it (benchmarks/runs/ID/STAGE.tsv), so the figures are of the last time
that the stage had to be run.
"""

import csv
import sys
from pathlib import Path

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.workflow.states.run_summary import run_summary

CHAIN = (
    "segment", "edit_tracks", "semantic_masks", "track_camera", "estimate", "scale_camera", "fit", "ground", "world",
)  # fmt: skip
"""From video to bodies."""


def main(video_id: str) -> None:
    n_frames = VideoFacts.load(Path("results") / video_id / "video.json").n_frames
    seconds, peak_mb = {}, {}
    for path in sorted((Path("benchmarks/runs") / video_id).glob("*.tsv")):
        with path.open() as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        seconds[path.stem] = float(row["s"])
        peak_mb[path.stem] = float(row["max_rss"]) if row["max_rss"] != "NA" else float("nan")
    print("| stage | seconds | frames/s | peak MB |\n|---|---|---|---|")
    for stage in sorted(seconds, key=lambda stage: -seconds[stage]):
        print(f"| {stage} | {seconds[stage]:.1f} | {n_frames / seconds[stage]:.1f} | {peak_mb[stage]:.0f} |")
    chain_s = sum(seconds.get(stage, 0.0) for stage in CHAIN)
    print(f"| video to bodies | {chain_s:.1f} | {n_frames / chain_s:.1f} | {max(peak_mb.values()):.0f} |")
    print(run_summary([video_id]))


if __name__ == "__main__":
    main(*sys.argv[1:])
