import numpy as np
import pytest

from nlf_pipeline.filtering import true_runs
from nlf_pipeline.fitting.stepping import Tempo, decode_steps, observed_tempo, part_stances

FPS, STANCE, CYCLE = 25.0, 16, 28


def gait(frames: int, stance: int = STANCE, cycle: int = CYCLE) -> np.ndarray:
    """(frames, 2) feet that take turns."""
    beat = np.arange(frames)[:, None] + np.array([0, cycle // 2])
    return beat % cycle < stance


def odds(planted: np.ndarray, size: float = 1.0) -> np.ndarray:
    return np.where(planted, size, -size)


def walking(frames: int) -> np.ndarray:
    """(frames,) 1.2 m/s in lengths of a leg of 0.85 m."""
    return np.full(frames, 1.2 / 0.85 / FPS)


def decode(log_odds: np.ndarray, strides: np.ndarray, falling: float = -0.75) -> np.ndarray:
    fall = np.full(len(log_odds), falling) if np.isscalar(falling) else falling
    planted = decode_steps(log_odds, fall, strides, FPS, Tempo())
    tempo = observed_tempo(planted, np.abs(log_odds).any(axis=1), FPS)
    return decode_steps(log_odds, fall, strides, FPS, tempo)


def test_clear_evidence_is_believed() -> None:
    true = gait(150)
    np.testing.assert_array_equal(decode(odds(true), walking(150)), true)


def test_left_and_right_play_the_same_part() -> None:
    rng = np.random.default_rng(0)
    noisy = odds(gait(150), 0.6) + rng.normal(0, 1, (150, 2))
    np.testing.assert_array_equal(decode(noisy[:, ::-1], walking(150)), decode(noisy, walking(150))[:, ::-1])


def test_doubtful_evidence_is_put_in_step() -> None:
    rng, true = np.random.default_rng(1), gait(300)
    noisy = odds(true, 0.5) + rng.normal(0, 1, (300, 2))
    assert ((noisy > 0) != true).mean() > 0.25
    assert (decode(noisy, walking(300)) != true).mean() < 0.08


@pytest.mark.parametrize("start", range(60, 90, 4))
def test_steps_go_on_where_nobody_sees_them(start: int) -> None:
    """Twenty frames, more than a whole stance, without any evidence."""
    true = gait(180)
    known = np.ones(180, dtype=bool)
    known[start : start + 20] = False
    found = decode(odds(true) * known[:, None], walking(180))
    assert (found != true)[~known].mean() < 0.2
    assert [len(true_runs(found[:, f])) for f in (0, 1)] == [len(true_runs(true[:, f])) for f in (0, 1)]


def test_feet_stand_where_a_body_that_does_not_move_is_hidden() -> None:
    log_odds = odds(np.ones((100, 2), dtype=bool))
    log_odds[30:60] = 0
    assert decode(log_odds, np.zeros(100)).all()


def test_standing_on_one_leg_may_last() -> None:
    true = np.ones((150, 2), dtype=bool)
    true[30:110, 1] = False
    assert (decode(odds(true), np.zeros(150)) != true).mean() < 0.02


def test_who_falls_is_in_the_air_and_who_does_not_stands_on_something() -> None:
    true, falling = gait(120), np.full(120, -0.75)
    log_odds = odds(true)
    log_odds[50:58] = -0.6
    grounded = decode(log_odds, walking(120), falling)
    assert grounded[50:58].any(axis=1).all()
    falling[50:58] = 0.75
    flying = decode(log_odds, walking(120), falling)
    assert (~flying[50:58].any(axis=1)).sum() >= 4


def test_someone_carried_stands_on_nothing() -> None:
    assert not decode(np.full((200, 2), -1.0), np.zeros(200)).any()


def test_tempo_is_that_of_the_steps() -> None:
    true = gait(300)
    tempo = observed_tempo(true, np.ones(300, dtype=bool), FPS)
    assert tempo.swing_s == pytest.approx((CYCLE - STANCE) / FPS)
    assert observed_tempo(true[:40], np.ones(40, dtype=bool), FPS) == Tempo()


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_short_appearances(frames: int) -> None:
    found = decode_steps(np.ones((frames, 2)), np.zeros(frames), np.zeros(frames), FPS, Tempo())
    assert found.shape == (frames, 2)
    assert found.all()


def test_a_stance_that_wanders_is_parted_on_the_way() -> None:
    """A foot that takes one slow step of 0.6 m during one long stance has two places to rest."""
    frames = 40
    step = np.clip((np.arange(frames) - 18) / 4, 0, 1)
    places = np.zeros((frames, 2, 2))
    places[:, 0, 0] = 0.6 * step
    hold = np.ones((frames, 2))
    hold[18:23, 0] = [0.5, 0.2, 0.1, 0.2, 0.5]
    parted = part_stances(hold, places)
    assert parted[:, 1].all()
    assert not parted[18:23, 0].all()
    for run in true_runs(parted[:, 0]):
        assert np.ptp(places[run, 0, 0]) < 0.45
    assert parted[:, 0].sum() >= frames - 6


def test_a_foot_once_seen_elsewhere_is_no_reason_to_part_its_stance() -> None:
    places, hold = np.zeros((40, 2, 2)), np.ones((40, 2))
    places[15:20] = 1.0
    hold[15:20] = 1e-3
    assert part_stances(hold, places).all()
