"""Time and memory of every stage of a finished run, and how accurate it was where there is truth.

    python benchmarks/stage_times.py demo

Each stage leaves a record of itself beside its log (logs/ID/STAGE.json), so the figures are of the last time that it
had to be run.
"""

import sys
from pathlib import Path

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.workflow.job_records import read_record
from nlf_pipeline.workflow.states.run_summary import run_summary

CHAIN = (
    "segment", "edit_tracks", "semantic_masks", "track_camera", "estimate", "scale_camera", "fit", "ground", "world",
)  # fmt: skip
"""From video to bodies."""


def main(video_id: str) -> None:
    n_frames = VideoFacts.load(Path("results") / video_id / "video.json").n_frames
    seconds, peak_mb = {}, {}
    for path in sorted((Path("logs") / video_id).glob("*.json")):
        record = read_record(path)
        if record is not None and record.state == "done":
            seconds[record.job] = record.seconds
            peak_mb[record.job] = record.peak_mb or float("nan")
    print("| stage | seconds | frames/s | peak MB |\n|---|---|---|---|")
    for stage in sorted(seconds, key=lambda stage: -seconds[stage]):
        print(f"| {stage} | {seconds[stage]:.1f} | {n_frames / seconds[stage]:.1f} | {peak_mb[stage]:.0f} |")
    chain_s = sum(seconds.get(stage, 0.0) for stage in CHAIN)
    print(f"| video to bodies | {chain_s:.1f} | {n_frames / chain_s:.1f} | {max(peak_mb.values()):.0f} |")
    print(run_summary([video_id]))


if __name__ == "__main__":
    main(*sys.argv[1:])
