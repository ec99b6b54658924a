import dataclasses

import cv2
import numpy as np
import pytest
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.blazepose import BodyCircle, PoseLandmarks
from nlf_pipeline.estimators.landmark_search import find_landmarks
from nlf_pipeline.estimators.roi_landmarks import PersonFollower, agreement, circle_from_mask, find_in_region
from nlf_pipeline.masks import MaskTracks

WIDTH_PX, HEIGHT_PX = 320, 240
COLOURS = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], np.uint8)


def person_pixels(centre_px, lean_deg: float, length_px: float = 120) -> np.ndarray:
    """(height, width) uint8: a standing rod of a person, leaning clockwise by `lean_deg`."""
    pixels = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    centre = (float(centre_px[0]), float(centre_px[1]))
    cv2.ellipse(pixels, (centre, (length_px / 4, length_px), lean_deg), 1, -1)
    return pixels


def person_mask(centre_px, lean_deg: float = 0.0, length_px: float = 120) -> RLEMask:
    return RLEMask.from_array(person_pixels(centre_px, lean_deg, length_px))


def landmarks_at(centre_px, radius_px: float = 60.0, visibility: float = 1.0) -> PoseLandmarks:
    centre_px = np.asarray(centre_px, dtype=np.float64)
    return PoseLandmarks(
        image_px=np.tile(centre_px, (33, 1)),
        visibility=np.full(33, visibility),
        presence=np.ones(33),
        relative=np.zeros((33, 3)),
        circle=BodyCircle(centre_px, centre_px - [0, radius_px]),
        mask=None,
    )


def find_colour(colour: np.ndarray):
    """A landmark model that sees only one colour of person, wherever the circle lets it look."""

    def landmarker(image: np.ndarray, circle: BodyCircle) -> PoseLandmarks | None:
        y, x = np.nonzero(np.all(image == colour, axis=-1))
        inside = np.hypot(x - circle.centre_px[0], y - circle.centre_px[1]) < 1.25 * circle.radius_px
        if not inside.any():
            return None
        return landmarks_at((x[inside].mean(), y[inside].mean()))

    return landmarker


def biggest_person(image: np.ndarray, circle: BodyCircle) -> PoseLandmarks | None:
    """A landmark model that goes for whoever has most pixels in the picture it is shown."""
    best, most = None, 0
    for colour in COLOURS:
        y, x = np.nonzero(np.all(image == colour, axis=-1))
        if len(x) > most:
            best, most = landmarks_at((x.mean(), y.mean())), len(x)
    return best


def picture(*people: np.ndarray) -> np.ndarray:
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
    for pixels, colour in zip(people, COLOURS, strict=False):
        image[pixels > 0] = colour
    return image


@pytest.mark.parametrize("lean_deg", [-70, -30, 0, 15, 45, 80])
def test_the_circle_of_a_leaning_person_leans(lean_deg):
    circle = circle_from_mask(person_mask((150, 120), lean_deg))
    up = (circle.rim_px - circle.centre_px) / circle.radius_px
    expected = [np.sin(np.deg2rad(lean_deg)), -np.cos(np.deg2rad(lean_deg))]
    np.testing.assert_allclose(circle.centre_px, (150, 120), atol=1)
    assert np.rad2deg(np.arccos(np.clip(up @ expected, -1, 1))) < 2
    assert circle.radius_px == pytest.approx(60, rel=0.15)


def test_the_circle_grows_with_the_person():
    small, large = (circle_from_mask(person_mask((150, 120), 20, length)) for length in (60, 180))
    assert large.radius_px == pytest.approx(3 * small.radius_px, rel=0.05)


def test_agreement_is_the_share_of_landmarks_on_the_mask():
    mask = person_mask((100, 120))
    on, off = landmarks_at((100, 120)), landmarks_at((250, 120))
    assert agreement(on, mask) == 1
    assert agreement(off, mask) == 0
    half = landmarks_at((100, 120))
    half.image_px[11:29:2] = (250, 120)  # everything on the left
    assert agreement(half, mask) == pytest.approx(0.5)


def test_landmarks_just_beside_the_mask_agree():
    mask = person_mask((100, 120))  # 30 px wide
    assert agreement(landmarks_at((117, 120)), mask) == 1
    assert agreement(landmarks_at((130, 120)), mask) == 0


def test_invisible_landmarks_agree_with_nothing():
    assert agreement(landmarks_at((100, 120), visibility=0.1), person_mask((100, 120))) == 0


def test_the_neighbour_is_painted_over():
    mine, other = person_pixels((140, 120), 0, 100), person_pixels((180, 120), 0, 160)
    image, circle = picture(mine, other), BodyCircle(np.array([140.0, 120.0]), np.array([140.0, 70.0]))
    own, others = RLEMask.from_array(mine), [RLEMask.from_array(other)]
    alone = find_in_region(biggest_person, image, circle, own, [])
    painted = find_in_region(biggest_person, image, circle, own, others)
    assert alone is not None
    assert painted is not None
    assert alone.image_px[0, 0] > 160
    np.testing.assert_allclose(painted.image_px[0], (140, 120), atol=1)
    np.testing.assert_allclose(painted.circle.centre_px, (140, 120), atol=1)
    np.testing.assert_array_equal(image, picture(mine, other))  # the frame itself is not painted


@pytest.mark.parametrize("centre_px", [(5, 120), (315, 5), (160, 235)])
def test_regions_may_hang_over_the_picture(centre_px):
    pixels = person_pixels(centre_px, 0)
    circle = BodyCircle(np.array(centre_px, dtype=float), np.array(centre_px) - [0.0, 60.0])
    found = find_in_region(find_colour(COLOURS[0]), picture(pixels), circle, RLEMask.from_array(pixels), [])
    y, x = np.nonzero(pixels)
    assert found is not None
    np.testing.assert_allclose(found.image_px[0], (x.mean(), y.mean()), atol=1)


def test_following_needs_one_call_per_frame_and_starting_over_needs_two():
    calls = []

    def landmarker(image, circle):
        calls.append(circle)
        return find_colour(COLOURS[0])(image, circle)

    follower = PersonFollower()
    for x in (100, 104, 108):
        pixels = person_pixels((x, 120), 0)
        found = follower.find(landmarker, picture(pixels), RLEMask.from_array(pixels), [])
        assert found is not None
        assert found.image_px[0, 0] == pytest.approx(x, abs=1)
    assert len(calls) == 2 + 1 + 1


def test_landmarks_off_the_mask_are_not_believed():
    mine, other = person_pixels((60, 120), 0), person_pixels((130, 120), 0)
    image = picture(np.zeros_like(mine), other)  # the model cannot see me, only the other one
    assert PersonFollower().find(find_colour(COLOURS[1]), image, RLEMask.from_array(mine), []) is None


def test_a_follower_that_went_astray_comes_back_by_the_mask():
    follower = PersonFollower()
    first, second = person_pixels((60, 120), 0), person_pixels((260, 120), 0)
    for pixels in (first, second):  # a jump no region can follow
        found = follower.find(find_colour(COLOURS[0]), picture(pixels), RLEMask.from_array(pixels), [])
        assert found is not None
        assert agreement(found, RLEMask.from_array(pixels)) == 1


def test_people_who_lie_are_tried_both_ways_up():
    tried = []

    def landmarker(image, circle):
        tried.append(np.sign(circle.rim_px[0] - circle.centre_px[0]))
        visibility = np.full(33, 0.95 if tried[-1] < 0 else 0.7)
        return dataclasses.replace(landmarks_at(circle.centre_px), visibility=visibility, circle=circle)

    pixels = person_pixels((150, 120), 85)  # head to the right
    found = PersonFollower().find(landmarker, picture(pixels), RLEMask.from_array(pixels), [])
    assert {1.0, -1.0} <= set(tried)
    assert found is not None
    assert found.visibility[0] == 0.95


def test_landmarks_off_the_mask_count_as_hidden():
    pixels = person_pixels((150, 120), 0)

    def landmarker(image, circle):
        found = find_colour(COLOURS[0])(image, circle)
        assert found is not None
        found.image_px[15] += (80, 0)
        return found

    found = PersonFollower().find(landmarker, picture(pixels), RLEMask.from_array(pixels), [])
    assert found is not None
    assert found.visibility[15] < 0.2
    np.testing.assert_array_equal(np.delete(found.visibility, 15), 1)


def test_nobody_is_found_without_a_mask():
    pixels = person_pixels((150, 120), 0)
    empty = RLEMask.from_array(np.zeros_like(pixels))
    for mask in (None, empty):
        assert PersonFollower().find(find_colour(COLOURS[0]), picture(pixels), mask, []) is None


def moving_people(n_frames: int) -> tuple[list[np.ndarray], MaskTracks]:
    """Two people, the second of whom is away in frames 5 to 9."""
    frames, tracks = [], ([], [])
    for t in range(n_frames):
        people = [person_pixels((60 + 2 * t, 110), 0), person_pixels((250 - 2 * t, 130), 0)]
        if 5 <= t < 10:
            people[1][:] = 0
        frames.append(picture(*people))
        for track, pixels in zip(tracks, people, strict=True):
            track.append(RLEMask.from_array(pixels) if pixels.any() else None)
    masks = (tuple(tracks[0]), tuple(tracks[1]))
    return frames, MaskTracks((WIDTH_PX, HEIGHT_PX), 25.0, n_frames, (7, 9), masks)


def test_rows_keep_their_identity_while_somebody_is_away():
    n = 20
    frames, tracks = moving_people(n)
    facts = VideoFacts("clip", WIDTH_PX, HEIGHT_PX, 25.0, n)
    first, second = find_landmarks(frames, facts, tracks, biggest_person)
    assert first.found.all()
    np.testing.assert_array_equal(second.found, (np.arange(n) < 5) | (np.arange(n) >= 10))
    np.testing.assert_allclose(first.image_px[:, 0, 0], 60 + 2 * np.arange(n), atol=1)
    np.testing.assert_allclose(second.image_px[second.found, 0, 0], (250 - 2 * np.arange(n))[second.found], atol=1)
    assert not second.image_px[~second.found].any()


def test_what_is_found_of_one_does_not_depend_on_who_else_is_sought():
    n = 20
    frames, tracks = moving_people(n)
    facts = VideoFacts("clip", WIDTH_PX, HEIGHT_PX, 25.0, n)
    together = find_landmarks(frames, facts, tracks, biggest_person)
    for row, expected in enumerate(together):
        (alone,) = find_landmarks(frames, facts, tracks, biggest_person, rows=[row])
        for name, values in vars(expected).items():
            np.testing.assert_array_equal(vars(alone)[name], values)


def test_a_cut_starts_everybody_anew():
    n, cut = 12, 6
    frames, tracks = moving_people(n)
    starts = []

    def landmarker(image, circle):
        starts.append(circle.radius_px)
        return biggest_person(image, circle)

    for cuts, expected in (([], 0), ([cut], 1)):
        starts.clear()
        facts = VideoFacts("clip", WIDTH_PX, HEIGHT_PX, 25.0, n, cuts=cuts)
        find_landmarks(frames, facts, MaskTracks(tracks.size_px, 25.0, n, (7,), tracks.masks[:1]), landmarker)
        assert len(starts) == n + 1 + expected


def test_nobody_to_find_reads_no_frames():
    def unreadable():
        raise AssertionError
        yield

    facts = VideoFacts("clip", WIDTH_PX, HEIGHT_PX, 25.0, 3)
    assert find_landmarks(unreadable(), facts, MaskTracks((WIDTH_PX, HEIGHT_PX), 25.0, 3, (), ())) == []


def test_an_error_in_a_thread_reaches_the_caller():
    def broken(image, circle):
        raise ValueError("no model")

    frames, tracks = moving_people(3)
    with pytest.raises(ValueError, match="no model"):
        find_landmarks(frames, VideoFacts("clip", WIDTH_PX, HEIGHT_PX, 25.0, 3), tracks, broken)
