"""Paths of the clips that are for judging only: nothing may be tuned on them."""

import numpy as np

from camera_clips.motion import Motion, direction, ease, motion, points, wander
from camera_clips.paths import FPS, shares


def along_street(n_frames: int) -> Motion:
    """A brisk walk down a street, with a look to the side and back."""
    s, t = shares(n_frames), np.arange(n_frames) / FPS
    eye = points(1.4 * t, 1.65 + 0.025 * np.sin(3.8 * np.pi * t), 2.2 - 1.2 * s + 0.02 * np.sin(1.9 * np.pi * t))
    eye = eye + 0.012 * wander(n_frames, 3.5, 104)
    yaw = np.deg2rad(3 + 28 * np.sin(np.pi * s) ** 2) + 0.012 * wander(n_frames, 3, 105)[:, 0]
    pitch = np.deg2rad(1) + 0.01 * wander(n_frames, 3, 106)[:, 1]
    return motion(eye, eye + direction(yaw, pitch), 0.9 * wander(n_frames, 4, 107)[:, 2])


def around_columns(n_frames: int) -> Motion:
    """70 degrees around a couple who dance between columns, rising a little, with a longer lens."""
    s = shares(n_frames)
    angle = np.deg2rad(200 + 70 * s)
    eye = points(1 + 5.2 * np.cos(angle), 1.3 + 0.5 * s, 3.6 * np.sin(angle)) + 0.015 * wander(n_frames, 6, 111)
    return motion(eye, np.array([1, 1.05, 0]) + 0.05 * wander(n_frames, 5, 112), 0.6 * wander(n_frames, 6, 113)[:, 0])


def across_street(n_frames: int) -> Motion:
    """From a tripod: a pan of 75 degrees that waits in the middle and tilts up."""
    eye = points(np.full(n_frames, 20.0), 1.5, 1.0)
    yaw = 8 + 35 * ease(n_frames, n_frames // 8, n_frames * 3 // 8) + 40 * ease(n_frames, n_frames // 2, n_frames)
    return motion(eye, eye + direction(np.deg2rad(yaw), np.deg2rad(1 + 6 * ease(n_frames, n_frames // 3, n_frames))))


def up_stairs(n_frames: int) -> Motion:
    """A walk up 16 stairs, the camera's height following the steps."""
    s, t = shares(n_frames), np.arange(n_frames) / FPS
    x = -1.2 + 7.2 * s
    climbed = 16 * 0.17 * np.clip((x - 1.8) / (16 * 0.29), 0, 1)
    eye = points(x, 1.55 + climbed + 0.03 * np.sin(3.4 * np.pi * t), 0.25 + 0.03 * np.sin(1.7 * np.pi * t))
    eye = eye + 0.01 * wander(n_frames, 4, 121)
    yaw = np.deg2rad(4 - 12 * np.sin(4 * s)) + 0.012 * wander(n_frames, 4, 122)[:, 0]
    pitch = np.deg2rad(6 - 10 * s) + 0.01 * wander(n_frames, 4, 123)[:, 0]
    return motion(eye, eye + direction(yaw, pitch), wander(n_frames, 4, 124)[:, 0])
