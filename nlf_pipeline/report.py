"""Say how far the result can be trusted, person by person, and show it on one page."""

import logging
from pathlib import Path

from nlf_pipeline.artefact_files import read_json
from nlf_pipeline.artefacts import (
    Bodies,
    BodyFits,
    CameraPath,
    CameraReport,
    Cameras,
    Floor,
    Ground,
    IdentityDoubts,
    Intrinsics,
    SceneCameras,
    VideoFacts,
)
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.files import atomic_path
from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.repair.edit_file import read_names
from nlf_pipeline.reporting.evidence import compare_with_estimates
from nlf_pipeline.reporting.page import PageData, make_page
from nlf_pipeline.reporting.people import person_quality
from nlf_pipeline.reporting.person_measures import ClipMotion, PersonMeasures, measure_people
from nlf_pipeline.reporting.quality import CameraQuality, Figure, QualityReport
from nlf_pipeline.reporting.scene import FoundCamera, camera_quality, floor_quality
from nlf_pipeline.reporting.thumbnails import make_thumbnails
from nlf_pipeline.reporting.verdicts import overall_verdict, summary_sentence, things_to_do
from nlf_pipeline.video import read_frames

log = logging.getLogger(__name__)


def report(
    *,
    video: Path,
    video_facts: Path,
    masks: Path,
    doubts: Path,
    intrinsics: Path,
    camera_path: Path,
    camera_report: Path,
    cameras: Path,
    predictions: Path,
    fits: Path,
    ground: Path,
    bodies: Path,
    world_cameras: Path,
    body: Path,
    html_out: Path,
    json_out: Path,
    edits: Path | None = None,
    evaluation: Path | None = None,
) -> None:
    """Measure the result without truth, judge it - good, check or poor - and say what to do about it.

    Args:
        video: clip.mp4, for the pictures of who is who.
        video_facts: video.json.
        masks: masks.json.
        doubts: identity_doubts.json.
        intrinsics: intrinsics.json.
        camera_path: camera_path.npz.
        camera_report: camera_report.json.
        cameras: cameras.npz.
        predictions: predictions.xz, the single estimates that the result is compared with.
        fits: fits.npz.
        ground: ground.json.
        bodies: bodies.npz.
        world_cameras: world_cameras.npz.
        body: folder of the body model.
        html_out: report.html to write: one file that needs no other.
        json_out: report.json to write.
        edits: tracks.yaml with the names of people; there may be no such file.
        evaluation: evaluation.json where the truth is known; it is shown, and has no part in the verdicts.
    """
    facts, people, tracks = VideoFacts.load(video_facts), Bodies.load(bodies), MaskTracks.load(masks)
    estimates, world = Predictions.open(predictions), Cameras.load(world_cameras)
    _check_match(people, tracks, estimates, world, facts)
    BodyKind.of(body).check_made(people.body_model, bodies)
    scene = SceneCameras.load(cameras)
    path, floors, moments = CameraPath.load(camera_path), Ground.load(ground).floors, IdentityDoubts.load(doubts).doubts
    clip = ClipMotion(
        bodies=people,
        fits=BodyFits.load(fits),
        seen=tracks.visible,
        agreement=compare_with_estimates(estimates, people, world),
        doubts=moments,
        floors=floors,
        T_world_scene=[world.T_world_cam[s.start] @ invert_rigid(scene.T_scene_cam[s.start]) for s in facts.shots()],
        shots=facts.shots(),
        names=_names(people, edits),
    )
    measures = measure_people(clip, BodyMeshes(load_resting_body(body, subset=True)))
    found = FoundCamera(Intrinsics.load(intrinsics), path, CameraReport.load(camera_report), scene, world)
    quality = _judge(facts, measures, camera_quality(found, facts.shots(), facts.fps), floors, evaluation)
    log.info("%s: %s - %s", facts.video_id, quality.verdict, quality.summary)
    thumbnails = make_thumbnails(read_frames(video), tracks)
    page = make_page(PageData(quality, measures, people, world, path.confidence, facts.shots(), thumbnails))
    quality.save(json_out)
    with atomic_path(html_out) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _judge(
    facts: VideoFacts,
    measures: list[PersonMeasures],
    camera: CameraQuality,
    floors: list[Floor],
    evaluation: Path | None,
) -> QualityReport:
    persons = [person_quality(person, facts) for person in measures]
    grounds = [floor_quality(floor, shot, anybody=len(persons) > 0) for shot, floor in enumerate(floors)]
    return QualityReport(
        video_id=facts.video_id,
        verdict=overall_verdict(persons, camera, grounds),
        summary=summary_sentence(persons, camera, grounds, facts.fps),
        to_do=things_to_do(persons, camera, grounds, facts.fps),
        n_frames=facts.n_frames,
        fps=facts.fps,
        size_px=facts.size_px,
        n_shots=len(facts.shots()),
        video_notes=facts.warnings,
        people=persons,
        camera=camera,
        floors=grounds,
        accuracy=_accuracy(evaluation),
    )


def _check_match(people: Bodies, tracks: MaskTracks, estimates: Predictions, world: Cameras, facts: VideoFacts) -> None:
    """Refuse files of different clips or people."""
    ids = tuple(people.person_ids.tolist())
    counts = (people.visible.shape[1], tracks.n_frames, estimates.n_frames, len(world.T_world_cam))
    if set(counts) != {facts.n_frames} or not ids == tracks.person_ids == tuple(estimates.person_ids.tolist()):
        raise ArtefactError(
            f"the results of {facts.video_id} do not belong together: {facts.n_frames} frames expected, "
            f"found {counts}; people {ids}, {tracks.person_ids} and {tuple(estimates.person_ids.tolist())}. "
            "Run the workflow again."
        )


def _names(people: Bodies, edits: Path | None) -> list[str]:
    """What everybody is called."""
    given = read_names(edits)
    return [given.get(person_id, f"person {person_id}") for person_id in people.person_ids.tolist()]


def _accuracy(evaluation: Path | None) -> list[Figure]:
    if evaluation is None:
        return []
    return [Figure(**row) for row in read_json(evaluation, Figure)["measurements"]]
