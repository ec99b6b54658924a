"""What is stuck to the picture goes; what belongs to the scene stays."""

import numpy as np
import pytest

from nlf_pipeline.cameras.tracks.overlays import drop_overlays
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

SIZE_PX = (640, 360)
N_FRAMES = 40


def tracks_of(places_px, noise_px=0.05):
    """`places_px` (frames, points, 2) as tracks that are seen throughout."""
    noise = np.random.default_rng(1).normal(0, noise_px, places_px.shape)
    points = (places_px + noise).astype(np.float32)
    return PointTracks(7, SIZE_PX, (np.arange(100, 100 + points.shape[1]),) * len(points), tuple(points))


def spread(n_points, top_px=0.0, bottom_px=360.0, seed=0):
    return np.random.default_rng(seed).uniform((0, top_px), (640, bottom_px), (n_points, 2))


def moved_by(places_px, step_px):
    return places_px + np.arange(N_FRAMES)[:, None, None] * np.array([step_px, 0.3 * step_px])


def still(places_px):
    return np.tile(places_px, (N_FRAMES, 1, 1))


def kept_ids(tracks):
    kept = drop_overlays(tracks)
    assert kept.start == tracks.start and kept.n_frames == tracks.n_frames and kept.size_px == tracks.size_px
    for before, after, points in zip(tracks.ids, kept.ids, kept.points_px, strict=True):
        assert len(after) == len(points) and np.isin(after, before).all() and (np.diff(after) > 0).all()
    return set(np.concatenate(kept.ids).tolist())


@pytest.mark.parametrize("step_px", [0.4, 1.5, 5.0, 40.0])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_an_overlay_vanishes_and_the_scene_stays(step_px, share):
    n_overlay = round(400 * share)
    scene, overlay = spread(400 - n_overlay, 110), spread(n_overlay, 0, 110)
    tracks = tracks_of(np.concatenate([moved_by(scene, step_px), still(overlay)], axis=1))
    assert kept_ids(tracks) == set(range(100, 100 + len(scene)))


def test_nothing_is_dropped_while_the_camera_stands():
    assert len(kept_ids(tracks_of(still(spread(300))))) == 300


def test_nothing_is_dropped_behind_people_who_move_while_the_camera_stands():
    people, scene = spread(200, seed=2) * (0.45, 1), spread(200)
    tracks = tracks_of(np.concatenate([moved_by(people, 4.0), still(scene)], axis=1))
    assert len(kept_ids(tracks)) == 400


def test_far_away_points_that_drift_slowly_stay():
    near, far = spread(200, 150), spread(200, 0, 150)
    tracks = tracks_of(np.concatenate([moved_by(near, 5.0), moved_by(far, 0.15)], axis=1))
    assert len(kept_ids(tracks)) == 400


def test_an_overlay_that_was_lost_now_and_then_vanishes():
    overlay = still(spread(100, 0, 110))
    overlay[15:, :, 0] += 8
    tracks = tracks_of(np.concatenate([moved_by(spread(300, 110), 5.0), overlay], axis=1))
    assert kept_ids(tracks) == set(range(100, 400))


@pytest.mark.parametrize("n_frames", [0, 1, 3])
def test_frames_without_points(n_frames):
    nothing = PointTracks(0, SIZE_PX, (np.zeros(0, int),) * n_frames, (np.zeros((0, 2), np.float32),) * n_frames)
    assert drop_overlays(nothing).n_frames == n_frames
