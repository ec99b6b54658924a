"""A role of the cast, performed: body, clothes and motion together."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.cast import Role
from nlf_pipeline.demo.clothes import dress
from nlf_pipeline.demo.motion import Motion, animate
from nlf_pipeline.demo.people import BaseMesh, RestBody, bone_transforms, choose_betas, shape_body
from nlf_pipeline.demo.skins import SkinnedMesh

_DETAILS_SD = 0.5
"""Standard deviation of the betas that a role leaves open."""
_HEEL_RADIUS = 0.03


@dataclass(frozen=True)
class Performance:
    """One person throughout the clip, in the world: y up, floor at y = 0."""

    body: RestBody
    mesh: SkinnedMesh
    """Clothed, in the T-pose."""
    motion: Motion
    bones: np.ndarray
    """(frames, joints, 3, 4) maps from the T-pose to the world."""

    @property
    def joints(self) -> np.ndarray:
        """(frames, joints, 3) metres."""
        return np.einsum("njab,jb->nja", self.bones[..., :3], self.body.joints) + self.bones[..., 3]

    @property
    def trans(self) -> np.ndarray:
        """(frames, 3) SMPL's translation, metres."""
        return self.motion.root - self.body.joints[0]

    @property
    def soles(self) -> np.ndarray:
        """(frames, 4, 3) heel and ball of the left and the right foot, metres."""
        feet, root = self.body.feet, self.body.joints[0]
        points = []
        for side, ankle in enumerate((joint_index("left_ankle"), joint_index("right_ankle"))):
            for z in (feet.heel_z[side] + _HEEL_RADIUS, feet.toes[side, 2]):
                rest = root + [feet.toes[side, 0], feet.sole_y[side], z]
                points.append(self.bones[:, ankle, :, :3] @ rest + self.bones[:, ankle, :, 3])
        return np.stack(points, axis=1)


def perform(role: Role, base: BaseMesh, t: np.ndarray, seconds: float, rng: np.random.Generator) -> Performance:
    """Cast, dress and animate one role.

    Args:
        role: who.
        base: the mesh behind the body model.
        t: (frames,) times, seconds.
        seconds: length of the clip.
        rng: for what the role leaves open of the body's shape.
    """
    details = _DETAILS_SD * rng.standard_normal(len(base.shapedirs) - 3)
    body = shape_body(base, choose_betas(base, role.stature, role.weight, role.breadth, details))
    motion = animate(role.script, body.joints, body.feet, t, seconds)
    bones = bone_transforms(motion.pose_rotvecs, motion.root, body.joints)
    return Performance(body, dress(base, body, role.outfit), motion, bones)
