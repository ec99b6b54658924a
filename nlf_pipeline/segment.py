"""Find people, follow them through the clip, and mark their pixels."""

import logging
from pathlib import Path

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.person_cache import file_digest
from nlf_pipeline.segmenters import PeopleChoice, SegmenterName, make_segmenter
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import WEIGHTS_DIR

log = logging.getLogger(__name__)


def segment(
    *,
    video: Path,
    video_facts: Path,
    out: Path,
    bystanders_out: Path,
    doubts_out: Path,
    segmenter: SegmenterName = "blazepose",
    max_persons: int = 6,
    select_points: tuple[tuple[float, float], ...] = (),
    seg_init_time: float | None = None,
    stcn: StcnOptions = StcnOptions(),  # noqa: B008  (frozen)
    nlf: NlfOptions = NlfOptions(),  # noqa: B008  (frozen)
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
    checkpoints: Path | None = None,
    masks_file: Path | None = None,
) -> None:
    """Find people, follow them through the clip, and mark their pixels.

    Nobody is known again after a cut: there everybody gets a new row.

    Args:
        video: clip.mp4.
        video_facts: video.json.
        out: masks.json, the people to follow, the most prominent first.
        bystanders_out: masks of everybody else who was seen; the camera must not rely on them either.
        doubts_out: identity_doubts.json: the moments at which people may have been mixed up.
        segmenter: backend.
        max_persons: how many people to follow at most in each shot, 1 or more.
        select_points: follow the people at these pixels (x y) instead, as many as there are.
        seg_init_time: when select_points holds, and from when the backend `stcn` follows people, seconds; the middle
            of the clip unless given.
        stcn: options of the backend `stcn`.
        nlf: options of the backend `nlf`.
        weights: folder with models' weights; `blazepose` needs none.
        device: where `stcn` and `nlf` run.
        checkpoints: folder for what is done so far, from which a run that was stopped goes on; removed at the end.
            Nothing is kept unless given.
        masks_file: for the backend `file`: everybody's masks, in the format of `out`; all of them are followed.

    Raises:
        UserError: if max_persons, seg_init_time or an option is out of range, a select_point lies on nobody, weights
            are missing or wrong, or the file is of another clip.
    """
    facts = VideoFacts.load(video_facts)
    choice = _people_choice(facts, max_persons, select_points, seg_init_time)
    chunks = ChunkStore(checkpoints, None if checkpoints is None else file_digest(video))
    backend = make_segmenter(segmenter, stcn, nlf, weights, device, chunks, masks_file)
    people = backend.segment(read_frames(video), facts, choice)
    if not people.followed.person_ids:
        log.warning("%s: no person was found; all later results will be empty.", facts.video_id)
    for person_id, seen in zip(people.followed.person_ids, people.followed.visible.sum(axis=1), strict=True):
        log.info("person %d: seen in %d of %d frames", person_id, seen, facts.n_frames)
    people.followed.save(out)
    people.bystanders.save(bystanders_out)
    people.doubts.save(doubts_out)
    chunks.clear()


def _people_choice(
    facts: VideoFacts, max_persons: int, select_points: tuple[tuple[float, float], ...], seg_init_time: float | None
) -> PeopleChoice:
    if max_persons < 1:
        raise UserError(f"max_persons is {max_persons}; it must be 1 or more.")
    return PeopleChoice(max_persons, select_points, _select_frame(facts, seg_init_time))


def _select_frame(facts: VideoFacts, seconds: float | None) -> int:
    """The frame shown at `seconds`."""
    if seconds is None:
        return facts.n_frames // 2
    if not 0 <= seconds <= facts.n_frames / facts.fps:
        raise UserError(
            f"seg_init_time is {seconds:g} s, but the clip runs from 0 to {facts.n_frames / facts.fps:.2f} s."
        )
    return min(int(seconds * facts.fps), facts.n_frames - 1)
