"""The cameras' paths that the tracker was developed on. Each makes a motion of any number of frames."""

import numpy as np

from camera_clips.motion import Motion, direction, ease, motion, points, wander

FPS = 30.0


def shares(n_frames: int) -> np.ndarray:
    """(frames,) from 0 at the first frame to 1 at the last."""
    return np.linspace(0, 1, n_frames)


def free(n_frames: int) -> Motion:
    """5.8 m through the room with all six degrees of freedom."""
    s = shares(n_frames)
    eye = points(-4 + 3.5 * s, 1.5 + 0.4 * np.sin(7 * s), 2.5 - 4 * s - 0.5 * np.sin(6 * s))
    return motion(eye, points(5, 1 + 0.4 * np.cos(5 * s), -2 + 3.5 * s), 5 * np.sin(8 * s))


def walk(n_frames: int, length_m: float = 6.6) -> Motion:
    """A walk forward through the room, hand-held: the steps bob, the hand shakes."""
    s, t = shares(n_frames), np.arange(n_frames) / FPS
    eye = points(-6 + length_m * s, 1.6 + 0.03 * np.sin(4 * np.pi * t), 2.5 - 1.5 * s - 0.02 * np.sin(2 * np.pi * t))
    eye = eye + 0.01 * wander(n_frames, 3, 10)
    target = eye + [8, -0.8, -2.5] + 0.16 * wander(n_frames, 3, 11) + points(0, 0, -1.2 * np.sin(5 * s))
    return motion(eye, target, 1.2 * wander(n_frames, 4, 9)[:, 0])


def zoom_walk(n_frames: int) -> Motion:
    """The walk, slower, while the lens zooms in by half."""
    walked = walk(n_frames, 4.5)
    return Motion(walked.eye, walked.target, walked.roll, 1 + 0.5 * ease(n_frames, n_frames // 5, n_frames * 4 // 5))


def low_walk(n_frames: int) -> Motion:
    """The walk at a child's height."""
    return Motion(*(a - [0, 0.6, 0] for a in (walk(n_frames).eye, walk(n_frames).target)), *_level(n_frames))


def _level(n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(n_frames), np.ones(n_frames)


def along_field(n_frames: int) -> Motion:
    """A crane along a pitch, looking down at it."""
    s = shares(n_frames)
    return motion(points(-8 + 4 * s, 4 + s, 6 - 9 * s), points(14, 0, 3 - 6 * s))


def still(n_frames: int) -> Motion:
    """A tripod."""
    return motion(points(np.full(n_frames, -3.0), 1.6, 2), points(4, 1, np.full(n_frames, -0.5)))


def turn(n_frames: int) -> Motion:
    """A tripod head that sweeps 80 degrees and nods."""
    s = shares(n_frames)
    eye = points(np.full(n_frames, -3.0), 1.6, 1)
    yaw, pitch = np.deg2rad(5 + 40 * np.sin(2 * np.pi * s)), np.deg2rad(-6 + 6 * np.sin(3.4 * np.pi * s))
    return motion(eye, eye + direction(yaw, pitch))


def turn_and_zoom(n_frames: int) -> Motion:
    """`turn` while the lens zooms to 1.6 and back."""
    turned = turn(n_frames)
    zoom = 1 + 0.3 * (1 - np.cos(2 * np.pi * shares(n_frames)))
    return Motion(turned.eye, turned.target, turned.roll, zoom)


def sway(n_frames: int) -> Motion:
    """Hand-held, standing: the camera turns and sways by 3 cm per axis."""
    eye = np.array([-3, 1.6, 1.5]) + 0.03 * wander(n_frames, 12, 5)
    target = np.array([4, 1.1, -0.5]) + 0.35 * wander(n_frames, 10, 6)
    return motion(eye, target, 0.8 * wander(n_frames, 10, 7)[:, 0])


def arc(n_frames: int) -> Motion:
    """A hand-held quarter orbit around people in the room's middle."""
    angle = np.pi + 0.9 * shares(n_frames)
    eye = points(1 + 4.5 * np.cos(angle), 1.6, -3.8 * np.sin(angle) - 1) + 0.012 * wander(n_frames, 4, 21)
    return motion(eye, np.array([1.5, 1, 0]) + 0.06 * wander(n_frames, 4, 22), 0.8 * wander(n_frames, 5, 23)[:, 0])


def turns_360(n_frames: int) -> Motion:
    """One and a half turns on the spot with a long lens."""
    s = shares(n_frames)
    eye = points(np.zeros(n_frames), 1.7, 0)
    return motion(eye, eye + direction(3 * np.pi * s, np.deg2rad(-5 + 5 * np.sin(9 * s))), zoom=1.5)


def stand_turn_walk(n_frames: int) -> Motion:
    """First still, then a pan, then a walk."""
    turned = ease(n_frames, n_frames * 4 // 17, n_frames * 9 // 17)
    walked = ease(n_frames, n_frames * 9 // 17, n_frames)
    eye = points(-4 + 3.5 * walked, 1.6, 2 - 3 * walked)
    ahead = direction(np.deg2rad(-15 + 50 * turned - 25 * walked), 0)
    return motion(eye, eye + ahead - [0, 0.12, 0])


def orbits(n_frames: int) -> Motion:
    """1.3 orbits of the room, looking to its middle; seen places come back."""
    s = shares(n_frames)
    angle = 2.6 * np.pi * s
    eye = points(-4 * np.cos(angle), 1.6 + 0.2 * np.sin(9 * s), 3 * np.sin(angle)) + 0.01 * wander(n_frames, 5, 31)
    target = points(1.2 * np.cos(angle / 2), 1, -0.8 * np.sin(0.7 * angle)) + 0.05 * wander(n_frames, 5, 32)
    return motion(eye, target)


def wide_walk(n_frames: int) -> Motion:
    """A walk across the room that turns from wall to wall, for a wide lens."""
    s, t = shares(n_frames), np.arange(n_frames) / FPS
    eye = points(-4.5 + 6 * s, 1.5 + 0.03 * np.sin(4 * np.pi * t), 1.5 - 2 * s) + 0.01 * wander(n_frames, 4, 51)
    yaw = np.deg2rad(5 + 30 * np.sin(5 * s)) + 0.02 * wander(n_frames, 4, 52)[:, 0]
    return motion(eye, eye + direction(yaw, np.deg2rad(-6)), 1.5 * wander(n_frames, 5, 53)[:, 0])


def follow_play(n_frames: int) -> Motion:
    """A broadcast camera on a gantry that follows a game from side to side."""
    s = shares(n_frames)
    eye = points(np.full(n_frames, -14.0), 9, 0)
    return motion(eye, eye + direction(np.deg2rad(22 * np.sin(2.4 * np.pi * s)), np.deg2rad(-13 + 1.5 * np.sin(7 * s))))


def tiny_turn(n_frames: int) -> Motion:
    """A tripod that is nudged by half a degree."""
    eye = points(np.full(n_frames, -12.0), 5, 0)
    yaw = np.deg2rad(0.5) * ease(n_frames, n_frames // 4, n_frames * 3 // 4)
    return motion(eye, eye + direction(yaw, np.deg2rad(-14)))


def wandering_loop(n_frames: int) -> Motion:
    """Figures of eight around the rooms of a building at a metre per second, looking ahead and around."""
    t = np.arange(n_frames) / FPS
    angle = 2 * np.pi * t / 74
    reach = 1 + 0.06 * np.sin(t / 31)
    eye = points(15 * reach * np.sin(angle), 1.6 + 0.02 * np.sin(4 * np.pi * t), -7.6 * reach * np.sin(2 * angle))
    ahead = np.gradient(eye, axis=0)
    yaw = np.arctan2(-ahead[:, 2], ahead[:, 0]) + np.deg2rad(25) * np.sin(t / 5.3) * np.sin(t / 23)
    shake = 0.006 * wander(n_frames, 4, 61)
    eye = eye + 0.008 * wander(n_frames, 4, 62)
    return motion(eye, eye + direction(yaw + shake[:, 0], -0.06 + shake[:, 1]), np.rad2deg(shake[:, 2]))
