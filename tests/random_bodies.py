"""Bodies with any pose anywhere, and a camera."""

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras


def random_bodies(
    n_people: int, n_frames: int, *, seed: int = 0, visible: np.ndarray | None = None, fps: float = 30.0
) -> Bodies:
    """People with ids 1, 2 ... of the open body; everybody visible unless told otherwise, joints all zero.

    Args:
        n_people: how many.
        n_frames: of the clip.
        seed: of what is random.
        visible: (people, frames) bool.
        fps: frames per second.
    """
    random = np.random.default_rng(seed)
    pose = random.normal(0, 0.4, (n_people, n_frames, 24, 3))
    pose[..., 0, :] = random.normal(0, 2, (n_people, n_frames, 3))
    seen = np.ones((n_people, n_frames), bool) if visible is None else visible
    return Bodies(
        person_ids=np.arange(1, n_people + 1),
        fps=fps,
        body_model="open",
        pose_rotvecs=pose,
        betas=random.normal(0, 1, (n_people, 10)),
        trans=random.normal(0, 3, (n_people, n_frames, 3)),
        joints=np.zeros((n_people, n_frames, 24, 3)),
        visible=seen,
        filled=np.zeros_like(seen),
        foot_contacts=np.zeros((n_people, n_frames, 2), bool),
    )


def still_cameras(n_frames: int) -> Cameras:
    """A camera at the origin that does not move."""
    K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])
    return Cameras(np.tile(np.eye(4), (n_frames, 1, 1)), np.tile(K, (n_frames, 1, 1)), np.zeros(0), np.array([64, 48]))
