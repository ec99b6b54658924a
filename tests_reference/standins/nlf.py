"""A TorchScript module with the methods of NLF's release, whose answers are geometry computed from what it is given.

Signatures are those of MultipersonNLF in NLF 0.2 and 0.3. A person is the canonical points themselves, facing the
camera, at the middle of his box and as far away as a body of HEIGHT_M that fills it from top to bottom. The first
uncertainties of a person tell what the module was given; see REPORTED.
"""

from pathlib import Path

import torch

HEIGHT_M = 1.7
UNCERTAINTY_M = 0.05
REPORTED = (
    "red", "green", "blue", "num_aug", "antialias_factor", "default_fov_degrees", "internal_batch_size", "up_y",
    "rot_aug_max_degrees", "bits",
)  # fmt: skip
"""What the first uncertainties are; REPORT_SCALE times the value, colours being the mean of the box, 0 to 1;
bits those of the numbers that pictures are computed with."""
REPORT_SCALE = 1e-3
DETECTED_BRIGHTNESS = 0.2
"""Columns brighter than this belong to somebody whom the detector finds; a gap tells people apart."""

# SMPL's joints in its unposed average body, centimetres, rounded; left and right the same.
_CENTRAL_CM = {0: (0, -23, 3), 3: (0, -12, 0), 6: (0, 1, 2), 9: (0, 7, 3), 12: (0, 28, -1), 15: (0, 37, 4)}
_LEFT_CM = {
    1: (7, -33, 2), 4: (10, -71, 2), 7: (9, -111, -2), 10: (12, -117, 10), 13: (8, 19, -1), 16: (17, 23, -2),
    18: (43, 21, -4), 20: (68, 22, -4), 22: (77, 21, -5),
}  # fmt: skip
_ANGLE_DEG = {1: 40.0, 4: 40.0, 7: 40.0, 10: 40.0, 13: 0.0, 16: 15.0, 18: 30.0, 20: 30.0, 22: 30.0}
"""By how much the bone that ends at a left joint is turned about z in the canonical pose, but for the hip itself."""
_PARENT = {4: 1, 7: 4, 10: 7, 16: 13, 18: 16, 20: 18, 22: 20}


def canonical_joints() -> torch.Tensor:
    """(24, 3) SMPL's joints in NLF's canonical space, about, metres."""
    posed = {joint: torch.tensor(at) / 100.0 for joint, at in _CENTRAL_CM.items()}
    for joint, at in _LEFT_CM.items():
        rest = torch.tensor(at) / 100.0
        if joint in _PARENT:
            parent = _PARENT[joint]
            bone = rest - torch.tensor(_LEFT_CM[parent]) / 100.0
            angle = torch.deg2rad(torch.tensor(_ANGLE_DEG[joint]))
            cos, sin = torch.cos(angle), torch.sin(angle)
            turned = torch.stack([cos * bone[0] - sin * bone[1], sin * bone[0] + cos * bone[1], bone[2]])
            posed[joint] = posed[parent] + turned
        else:
            posed[joint] = rest
        posed[joint + 1] = posed[joint] * torch.tensor([-1.0, 1.0, 1.0])
    return torch.stack([posed[joint] for joint in range(24)])


class StandIn(torch.nn.Module):
    """Methods of the release, by the same names, arguments, defaults and types."""

    def __init__(self, cano_all: dict[str, torch.Tensor], max_images: int, max_crops: int, pad_white: bool) -> None:
        super().__init__()
        self.cano_all = cano_all
        self.max_images = max_images
        self.max_crops = max_crops
        self.pad_white_pixels = pad_white
        self.colours = torch.nn.Parameter(torch.eye(3, dtype=torch.float16), requires_grad=False)

    @torch.jit.export
    def get_weights_for_canonical_points(self, canonical_points: torch.Tensor):
        flip = torch.tensor([-1.0, 1.0, 1.0], device=canonical_points.device)
        nothing = torch.zeros_like(canonical_points)
        return {
            "w_tensor": canonical_points, "b_tensor": nothing, "w_tensor_flipped": canonical_points * flip,
            "b_tensor_flipped": nothing,
        }  # fmt: skip

    @torch.jit.export
    def estimate_poses_batched(
        self,
        images: torch.Tensor,
        boxes: list[torch.Tensor],
        weights: dict[str, torch.Tensor],
        intrinsic_matrix: torch.Tensor | None = None,
        distortion_coeffs: torch.Tensor | None = None,
        extrinsic_matrix: torch.Tensor | None = None,
        world_up_vector: torch.Tensor | None = None,
        default_fov_degrees: float = 55.0,
        internal_batch_size: int = 64,
        antialias_factor: int = 1,
        num_aug: int = 5,
        rot_aug_max_degrees: float = 25.0,
    ):
        self._take_memory(images, boxes, internal_batch_size, num_aug)
        images = self._in_half_precision(images)
        bits = 16.0 if images.dtype == torch.float16 else 32.0
        poses3d: list[torch.Tensor] = []
        poses2d: list[torch.Tensor] = []
        uncertainties: list[torch.Tensor] = []
        for i in range(len(boxes)):
            K = self._intrinsics(images, intrinsic_matrix, default_fov_degrees, i)
            lens = torch.zeros(5) if distortion_coeffs is None else distortion_coeffs[i % len(distortion_coeffs)]
            E = torch.eye(4) if extrinsic_matrix is None else extrinsic_matrix[i % len(extrinsic_matrix)]
            up_y = -1.0 if world_up_vector is None else float(world_up_vector[1])
            told = [
                float(num_aug), float(antialias_factor), default_fov_degrees, float(internal_batch_size), up_y,
                rot_aug_max_degrees, bits,
            ]  # fmt: skip
            n, n_points = len(boxes[i]), len(weights["w_tensor"])
            uncertainty = torch.full((n, n_points), 0.05)
            pose = torch.zeros((n, n_points, 3))
            for k in range(n):
                box = boxes[i][k]
                ray = self._undistorted((box[:2] + box[2:4] / 2 - K[:2, 2]) / torch.stack([K[0, 0], K[1, 1]]), lens)
                depth = K[1, 1] * 1.7 / box[3]
                points = weights["w_tensor"] * torch.tensor([1.0, -1.0, -1.0])
                points = points + torch.cat([ray, torch.ones(1)]) * depth
                pose[k] = (points - E[:3, 3]) @ E[:3, :3] * 1000
                uncertainty[k, :10] = 1e-3 * torch.cat([self._colour(images[i], box), torch.tensor(told)])
            poses3d.append(pose)
            poses2d.append(pose[..., :2])
            uncertainties.append(uncertainty)
        return {"poses3d": poses3d, "poses2d": poses2d, "uncertainties": uncertainties}

    @torch.jit.export
    def detect_poses_batched(
        self,
        images: torch.Tensor,
        weights: dict[str, torch.Tensor],
        intrinsic_matrix: torch.Tensor | None = None,
        distortion_coeffs: torch.Tensor | None = None,
        extrinsic_matrix: torch.Tensor | None = None,
        world_up_vector: torch.Tensor | None = None,
        default_fov_degrees: float = 55.0,
        internal_batch_size: int = 64,
        antialias_factor: int = 1,
        num_aug: int = 1,
        rot_aug_max_degrees: float = 25.0,
        detector_threshold: float = 0.3,
        detector_nms_iou_threshold: float = 0.7,
        max_detections: int = 150,
        detector_flip_aug: bool = False,
        detector_both_flip_aug: bool = False,
        suppress_implausible_poses: bool = True,
        extra_boxes: list[torch.Tensor] | None = None,
    ):
        boxes: list[torch.Tensor] = []
        for i in range(len(images)):
            found = self._detected(images[i])
            found = found[found[:, 4] > detector_threshold]
            boxes.append(found[: min(max_detections, len(found))])
        result = self.estimate_poses_batched(
            images, [b[:, :4] for b in boxes], weights, intrinsic_matrix, distortion_coeffs, extrinsic_matrix,
            world_up_vector, default_fov_degrees, internal_batch_size, antialias_factor, num_aug, rot_aug_max_degrees,
        )  # fmt: skip
        result["boxes"] = boxes
        return result

    def _take_memory(
        self,
        images: torch.Tensor,
        boxes: list[torch.Tensor],
        internal_batch_size: int,
        num_aug: int,
    ) -> None:
        n_boxes = 0
        for b in boxes:
            n_boxes += len(b)
        at_once = internal_batch_size // num_aug
        if at_once == 0 or at_once > n_boxes:
            at_once = n_boxes
        if len(images) > self.max_images or at_once * num_aug > self.max_crops:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    def _intrinsics(
        self, images: torch.Tensor, K: torch.Tensor | None, default_fov_degrees: float, i: int
    ) -> torch.Tensor:
        if K is not None:
            return K[i % len(K)]
        height, width = float(images.shape[2]), float(images.shape[3])
        focal = max(height, width) / (2 * torch.tan(torch.deg2rad(torch.tensor(default_fov_degrees / 2))))
        return torch.stack(
            [
                torch.stack([focal, torch.tensor(0.0), torch.tensor(width / 2)]),
                torch.stack([torch.tensor(0.0), focal, torch.tensor(height / 2)]),
                torch.tensor([0.0, 0.0, 1.0]),
            ]
        )

    def _undistorted(self, seen: torch.Tensor, lens: torch.Tensor) -> torch.Tensor:
        if lens.shape[0] == 4:
            raise RuntimeError("four coefficients mean a fisheye lens")
        k1, k2, p1, p2, k3 = lens[0], lens[1], lens[2], lens[3], lens[4]
        at = seen
        for _ in range(20):
            x, y = at[0], at[1]
            r2 = x * x + y * y
            tangential = torch.stack([2 * p1 * x * y + p2 * (r2 + 2 * x * x), p1 * (r2 + 2 * y * y) + 2 * p2 * x * y])
            at = (seen - tangential) / (1 + r2 * (k1 + r2 * (k2 + r2 * k3)))
        return at

    def _in_half_precision(self, images: torch.Tensor) -> torch.Tensor:
        """As the release does, whose network then takes no other numbers."""
        if images.dtype == torch.uint8:
            return torch.mul(images.to(dtype=torch.float16), 1 / 255)
        return images.to(torch.float16)

    def _colour(self, image: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
        left, top = max(int(box[0]), 0), max(int(box[1]), 0)
        inside = image[:, top : top + int(box[3]), left : left + int(box[2])]
        return (self.colours @ inside.flatten(1)).float().mean(dim=1)

    def _detected(self, image: torch.Tensor) -> torch.Tensor:
        bright = self._in_half_precision(image).amax(dim=0) > 0.2
        columns = bright.any(dim=0)
        found: list[torch.Tensor] = []
        start = -1
        for x in range(len(columns) + 1):
            is_on = x < len(columns) and bool(columns[x])
            if is_on and start < 0:
                start = x
            if not is_on and start >= 0:
                rows = bright[:, start:x].any(dim=1).nonzero()[:, 0]
                box = [float(start), float(rows[0]), float(x - start), float(rows[-1] - rows[0] + 1), 0.9]
                found.append(torch.tensor(box))
                start = -1
        return torch.stack(found) if len(found) > 0 else torch.zeros((0, 5))


def write_weights(
    path: Path,
    seed: int = 0,
    cano_all: dict[str, torch.Tensor] | None = None,
    max_images: int = 1000,
    max_crops: int = 100_000,
    pad_white_pixels: bool = False,
) -> None:
    """Write the module.

    Args:
        path: where.
        seed: of the release's own selection of vertices, which lie anywhere about the joints.
        cano_all: canonical points of body families instead; a release has its selection's and the joints'.
        max_images: more in a call take more memory than there is.
        max_crops: the same of views of people at once.
        pad_white_pixels: what the release says of itself.
    """
    if cano_all is None:
        joints = canonical_joints()
        generator = torch.Generator().manual_seed(seed)
        vertices = joints[torch.randint(24, (1024,), generator=generator)]
        vertices = vertices + 0.05 * torch.randn((1024, 3), generator=generator)
        cano_all = {"smpl": torch.cat([vertices, joints])}
    module = torch.jit.script(StandIn(cano_all, max_images, max_crops, pad_white_pixels).eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.save(module, str(path))
