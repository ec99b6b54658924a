"""A body's parameters in another frame. SMPL turns about the pelvis, which therefore moves `trans`."""

import numpy as np
from scipy.spatial.transform import Rotation


def change_frame(
    root_rotvecs: np.ndarray, trans: np.ndarray, root_rest: np.ndarray, R: np.ndarray, t: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The root's rotation and SMPL's translation after the points x of the body have become R x + t.

    Args:
        root_rotvecs: (frames, 3) the root's rotation vectors, radians.
        trans: (frames, 3) SMPL's translation: the root joint is at root_rest + trans, metres.
        root_rest: (3,) root joint of the unposed body, metres.
        R: (3, 3) or (frames, 3, 3) rotation to the new frame.
        t: (3,) or (frames, 3) translation to the new frame, metres.

    Returns:
        (frames, 3) rotation vectors and (frames, 3) translations.
    """
    turned = Rotation.from_matrix(R @ Rotation.from_rotvec(root_rotvecs).as_matrix()).as_rotvec()
    return turned, np.einsum("...ij,...j->...i", R, root_rest + trans) + t - root_rest
