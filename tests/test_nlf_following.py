"""Following bodies from frame to frame: people walking by each other, at many frames per second and at few."""

import numpy as np
import pytest

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES
from nlf_pipeline.segmenters.nlf_following import BodyTracker, SeenBody, SightedBody

SIZE_PX = (400, 160)
RADIUS_PX = 30.0
COLOURS = ((220, 60, 60), (60, 60, 220))
JOINTS_RADII = np.random.default_rng(0).uniform((-0.3, -0.9), (0.3, 0.9), (len(SMPL_JOINT_NAMES), 2))
SWINGING = [k for k, name in enumerate(SMPL_JOINT_NAMES) if name.endswith(("ankle", "foot", "wrist", "hand"))]


def joints_px(centre_px, seconds):
    """Of somebody who takes a step of 0.2 radii to either side every half second."""
    joints = JOINTS_RADII - JOINTS_RADII[0]
    joints[SWINGING, 0] += 0.2 * np.sin(2 * np.pi * seconds)
    return joints * RADIUS_PX + centre_px


def follow(centres_px, fps):
    """Whose sightings are in each tracklet: `centres_px(seconds)` are everybody's, the nearest first."""
    tracker = BodyTracker(fps)
    people = {}
    for frame in range(round(4 * fps)):
        image = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
        hidden = np.zeros(SIZE_PX[::-1], bool)
        bodies = []
        for k, centre_px in enumerate(centres_px(frame / fps)):
            joints = joints_px(np.array(centre_px), frame / fps)
            (left, top), (right, bottom) = (np.round(side(joints, axis=0)).astype(int) for side in (np.min, np.max))
            whole = np.zeros(SIZE_PX[::-1], bool)
            whole[top:bottom, left:right] = True
            visible = whole & ~hidden
            hidden |= whole
            if visible.sum() > 0.2 * whole.sum():
                image[visible] = COLOURS[k]
                part = float(visible.sum() / whole.sum())
                bodies.append(SeenBody(joints, RADIUS_PX, visible.astype(np.uint8), part, 0.9))
                people[frame, float(joints[0, 0])] = k
        tracker.step(frame, [SightedBody.of(frame, image, body) for body in bodies])
    return [[people[s.frame, float(s.centre_px[0])] for s in tracklet] for tracklet in tracker.finish()]


@pytest.mark.parametrize("fps", [5.0, 7.5, 10.0, 30.0])
def test_who_walks_is_one_tracklet_at_any_frame_rate(fps):
    def apart(seconds):
        return (60 + RADIUS_PX * seconds, 80), (340 - RADIUS_PX * seconds, 80)

    n = round(4 * fps)
    assert follow(apart, fps) == [[0] * n, [1] * n]


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.5])
def test_no_tracklet_holds_two_people_who_pass_each_other(speed):
    def passing(seconds):
        return (200 + speed * RADIUS_PX * (seconds - 2.1), 80), (200 - speed * RADIUS_PX * (seconds - 2.1), 82)

    tracklets = follow(passing, 30.0)
    assert all(len(set(people)) == 1 for people in tracklets)
    assert len(tracklets) <= 3  # the one who is hidden may be lost for a while


def test_who_is_far_from_where_anybody_can_have_gone_is_somebody_else():
    def jumping(seconds):
        return ((60 if seconds < 2 else 60 + 2 * RADIUS_PX, 80),)

    assert [len(people) for people in follow(jumping, 5.0)] == [10, 10]
