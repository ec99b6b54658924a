"""The windows of a shot get one lens, turns are solved together, and what fails alone does not spoil the rest."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.motion_evidence import MotionEvidence
from nlf_pipeline.cameras.windows import shot_solving
from nlf_pipeline.cameras.windows.focal_doubt import suggest_focal
from nlf_pipeline.cameras.windows.shot_solving import Shot, solve_shot
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.cameras.windows.window_solving import SolvedWindow

SIZE_PX = (640, 360)
GUESS = Lens(0.87)
FIRST, OVERLAP = 100, 10


@dataclasses.dataclass
class Truth:
    """What the fake solver says of the frames of one window."""

    motion_class: str
    focal: float | tuple[float, float] | None = None
    """Share of the longer side that is found if the lens is not known; from and to for zooms; None: not shown."""
    k1: float = 0.0
    notes: tuple[str, ...] = ()
    travels: bool = False
    """Whether the points say that the camera travels."""


class Solver:
    """Stands in for tracking and solving: windows of 50 frames that share 10 with the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *truths: Truth, joined: Truth | None = None) -> None:
        self.truths, self.joined = truths, joined
        self.calls: list[tuple[int, int, Lens]] = []
        self.n_followed = 0
        none = SimpleNamespace
        monkeypatch.setattr(shot_solving, "follow_points", self.follow)
        monkeypatch.setattr(shot_solving, "solve_window", self.solve)
        monkeypatch.setattr(shot_solving, "choose_reduction", lambda *_: none())
        monkeypatch.setattr(shot_solving, "spread_keyframes", lambda tracks: np.array([0, tracks.n_frames - 1]))
        monkeypatch.setattr(
            shot_solving, "pictures_at", lambda frames, at, *_: [none(grey=np.full((2, 2), i)) for i in at]
        )
        self.shot = Shot(none(), slice(FIRST, FIRST + 40 * len(truths) + OVERLAP), none(), 7)

    def follow(self, _, shot, __, chunks=None):
        self.n_followed += 1
        for k in range(len(self.truths)):
            start = FIRST + 40 * k
            if shot.start <= start < shot.stop:
                yield PointTracks(start, SIZE_PX, (np.zeros(0, int),) * 50, (np.zeros((0, 2), np.float32),) * 50)

    def solve(self, tracks, lens, seed, pictures):
        assert seed == 7
        self.calls.append((tracks.start, tracks.n_frames, lens))
        is_joined = tracks.n_frames > 50
        if is_joined:
            assert {k: int(grey[0, 0]) for k, grey in pictures.items()} == {
                0: tracks.start,
                tracks.n_frames - 1: tracks.start + tracks.n_frames - 1,
            }
        truth = self.joined if is_joined and self.joined else self.truths[(tracks.start - FIRST) // 40]
        n, focal = tracks.n_frames, lens.focal_px / 640
        if truth.focal is not None:
            low, high = truth.focal if isinstance(truth.focal, tuple) else (truth.focal, truth.focal)
            focal = np.linspace(low, high, n) * (focal / low if lens.is_known else 1)
        motion = WindowMotion(
            truth.motion_class,  # type: ignore[arg-type]
            np.tile(np.eye(4), (n, 1, 1)),
            np.broadcast_to(640 * focal, n),
            lens.k1 if lens.is_known else truth.k1,
            truth.focal is not None,
            np.ones(n, bool),
            np.zeros(n),
            np.zeros(0, int),
            np.zeros((0, 3)),
        )
        evidence = MotionEvidence(50.0, 1.0, 2.0, 50.0 if truth.travels else 0.0, 0.1, isinstance(truth.focal, tuple))
        return SolvedWindow(motion, 50.0, evidence, [], list(truth.notes))

    def run(self, lens=GUESS):
        return solve_shot(self.shot, lens)


def focals(solved):
    return [window.lens_at(window.start).focal_px for window in solved.windows]


def test_a_focal_length_found_late_holds_for_all_windows(monkeypatch):
    solver = Solver(monkeypatch, Truth("rotation", travels=True), Truth("general", 1.2, k1=-0.05), Truth("static"))
    solved = solver.run()
    np.testing.assert_allclose(focals(solved), 1.2)
    assert solved.shows_focal and solved.shows_distortion and not solved.zooms
    assert solved.focal == pytest.approx(1.2) and solved.k1 == -0.05
    assert all(lens.is_known and lens.k1 == -0.05 for _, _, lens in solver.calls[-3:])


def test_travelling_tells_the_lens_better_than_turning(monkeypatch):
    solved = Solver(monkeypatch, Truth("rotation", 1.0), Truth("general", 1.2), Truth("static")).run()
    np.testing.assert_allclose(focals(solved), 1.2)


def test_nothing_is_solved_twice_where_only_standing_cameras_lack_the_focal_length(monkeypatch):
    solver = Solver(monkeypatch, Truth("static"), Truth("rotation", 1.2, k1=0.03), Truth("static"))
    solved = solver.run()
    assert solver.n_followed == 1
    np.testing.assert_allclose(focals(solved), 1.2)
    assert [window.solved.motion.k1 for window in solved.windows] == [0.03] * 3


def test_windows_after_a_travelling_one_know_its_lens(monkeypatch):
    solver = Solver(monkeypatch, Truth("general", 1.2), Truth("general", 1.3), Truth("general", 1.1))
    solved = solver.run()
    assert solver.n_followed == 1
    np.testing.assert_allclose(focals(solved), 1.2)


@pytest.mark.parametrize("motion", ["static", "rotation", "general"])
def test_an_unseen_focal_length_stays_the_guess(monkeypatch, motion):
    solved = Solver(monkeypatch, Truth(motion), Truth(motion), Truth(motion)).run()
    assert not solved.shows_focal and solved.focal == GUESS.focal_px
    np.testing.assert_allclose(focals(solved), GUESS.focal_px, rtol=1e-12)


def test_a_doubtful_solution_says_nothing_about_the_lens(monkeypatch):
    doubtful = Truth("rotation", 2.0, k1=-0.3, notes=("travels, but ...",), travels=True)
    solved = Solver(monkeypatch, doubtful, Truth("static")).run()
    assert not solved.shows_focal and not solved.shows_distortion and solved.k1 == 0
    np.testing.assert_allclose(focals(solved), GUESS.focal_px)
    solved = Solver(monkeypatch, doubtful, Truth("rotation", 1.2)).run()
    assert solved.shows_focal
    np.testing.assert_allclose(focals(solved), 1.2)


def test_a_doubtful_zoom_about_the_guess_is_solved_once(monkeypatch):
    doubtful = Truth("rotation_zoom", (0.86, 1.5), notes=("travels, but ...",), travels=True)
    solver = Solver(monkeypatch, doubtful)
    assert not solver.run().shows_focal and solver.n_followed == 1


def test_a_given_lens_is_never_changed(monkeypatch):
    given = Lens(1.0, is_known=True)
    solver = Solver(monkeypatch, Truth("rotation", 1.3), Truth("general", 1.3))
    solved = solver.run(given)
    assert all(lens.is_known and lens.focal_px == pytest.approx(640) for _, _, lens in solver.calls)
    assert solver.n_followed == 1 and not solved.shows_focal and solved.focal == 1.0


def test_windows_of_a_turn_are_solved_as_one(monkeypatch):
    solver = Solver(
        monkeypatch, Truth("static"), Truth("rotation", 1.2), Truth("rotation"), Truth("rotation"), Truth("general")
    )
    solved = solver.run()
    assert [(window.start - FIRST, window.stop - FIRST) for window in solved.windows] == [
        (0, 50),
        (40, 170),
        (160, 210),
    ]


def test_turns_have_an_end(monkeypatch):
    monkeypatch.setattr(shot_solving, "_LONGEST_TURN", 130)
    solved = Solver(monkeypatch, *[Truth("rotation", 1.2)] * 7).run()
    assert [window.start - FIRST for window in solved.windows] == [0, 120, 240]
    assert solved.windows[-1].stop == FIRST + 7 * 40 + OVERLAP


def test_fallbacks_do_not_join_a_turn(monkeypatch):
    failed = Truth("rotation", notes=("failed",), travels=True)
    solver = Solver(monkeypatch, Truth("rotation", 1.2), failed, Truth("rotation", 1.2))
    assert len(solver.run().windows) == 3


def test_a_turn_that_fails_as_one_stays_in_parts(monkeypatch):
    failed = Truth("static", notes=("failed",))
    solved = Solver(monkeypatch, Truth("rotation", 1.2), Truth("rotation", 1.2), joined=failed).run()
    assert [window.solved.motion.motion_class for window in solved.windows] == ["rotation"] * 2
    assert not any(window.solved.notes for window in solved.windows)


def test_one_focal_length_though_turns_differ_a_little(monkeypatch):
    solved = Solver(monkeypatch, Truth("rotation", 1.2), Truth("static"), Truth("rotation", 1.203)).run()
    assert not solved.zooms and solved.focal in (1.2, 1.203)


def test_zooms_keep_their_focal_lengths_and_others_follow_on(monkeypatch):
    zoom = Truth("rotation_zoom", (1.0, 2.0))
    solver = Solver(monkeypatch, Truth("static"), zoom, Truth("static"))
    solved = solver.run()
    assert solved.zooms and solver.n_followed == 1
    np.testing.assert_allclose(focals(solved), [1.0, 1.0, 2.0])
    assert solved.focal == pytest.approx(1.0)


def test_what_moves_beside_a_zoom_is_solved_again(monkeypatch):
    zoom = Truth("rotation_zoom", (1.0, 2.0))
    solver = Solver(monkeypatch, zoom, Truth("static"), Truth("general"))
    solved = solver.run()
    assert solver.n_followed == 2
    assert solver.calls[-1][2].is_known and not solver.calls[3][2].is_known
    np.testing.assert_allclose(focals(solved), [1.0, 2.0, 2.0])


@pytest.mark.parametrize(("shown", "expected"), [(1.25, 1.25), (1.02, None), (None, None)])
def test_pictures_that_contradict_a_given_lens_suggest_another(monkeypatch, shown, expected):
    solver = Solver(monkeypatch, Truth("static"), Truth("rotation", shown), Truth("static"))
    given = Lens(1.0, is_known=True)
    assert suggest_focal(solver.shot, solver.run(given).windows, given) == pytest.approx(expected)


def test_doubtful_solutions_and_still_cameras_contradict_nothing(monkeypatch):
    given = Lens(1.0, is_known=True)
    for truth in (Truth("rotation", 1.3, notes=("failed",)), Truth("static")):
        solver = Solver(monkeypatch, truth)
        assert suggest_focal(solver.shot, solver.run(given).windows, given) is None


def test_a_zoom_made_up_for_want_of_the_right_lens_does_not_count(monkeypatch):
    given = Lens(1.0, is_known=True)
    solver = Solver(monkeypatch, Truth("rotation_zoom", (1.0, 1.5), notes=("failed",), travels=True))
    windows = solver.run(given).windows
    solver.truths = (Truth("general", 1.25),)
    assert suggest_focal(solver.shot, windows, given) == pytest.approx(1.25)


def test_a_true_zoom_is_compared_frame_by_frame(monkeypatch):
    """The given focal length holds for the shot's first frame, not for the frames that are looked at."""
    given = Lens(1.0, is_known=True)
    solver = Solver(monkeypatch, Truth("static"), Truth("rotation_zoom", (1.3, 1.5)))
    windows = [window for window in solver.run(Lens(1.3, is_known=True)).windows if not window.stands]
    assert suggest_focal(solver.shot, windows, given) is None
