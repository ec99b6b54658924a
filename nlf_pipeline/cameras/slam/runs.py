"""Running the masked fork of DROID-SLAM: pictures in, a trajectory or an error out.

Teed & Deng, "DROID-SLAM: Deep Visual SLAM for Monocular, Stereo, and RGB-D Cameras", NeurIPS 2021; people masked out
as in Wang et al., "TRAM: Global Trajectory and Motion of 3D Humans from in-the-wild Videos", ECCV 2024.
"""

import argparse
import contextlib
import gc
import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.slam.pictures import CELL_PX, DroidPicture, DroidPictures
from nlf_pipeline.checkpoints import read_state_dict
from nlf_pipeline.errors import UserError
from nlf_pipeline.gpu_limits import lacks_memory
from nlf_pipeline.progress import progress
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.weights.registry import weights_command

_PACKAGE = "masked_droid_slam"
_MODEL = "DROID-SLAM"
_BUILDING = "docs/cameras.md, section DROID-SLAM, has the steps"
_OTHERWISE = "Or take another tracker: camera=klt"
_KNOWN_SHAPES = {
    "fnet.conv1.weight": (32, 3, 7, 7),
    "cnet.conv2.weight": (256, 128, 1, 1),
    "update.gru.convz.weight": (128, 448, 3, 3),
    "update.agg.upmask.0.weight": (576, 128, 1, 1),
}
"""One tensor of each part of the network; the names in the file may begin with `module.`."""
_WRAPPED = "module."
_SPARE_SLOTS = 24
"""Besides the keyframes: the last pass solves for 16 frames at a time in the same buffer, and tracking looks ahead."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class DroidWindow:
    """Frames tracked in one go."""

    frames: range
    """Of the clip."""
    trajectory: np.ndarray | None
    """(frames, 7) x y z and quaternion x y z w of the camera, camera to window; None: it stands."""
    keyframes: np.ndarray
    """(keyframes,) int, frames of the clip."""
    disparities: np.ndarray
    """(keyframes, rows, columns) 1 / depth in the middle of every cell."""


class DroidSetup:
    """The package, its weights and settings, ready to be started any number of times."""

    def __init__(self, weights: Path, device: DeviceName, options: DroidOptions) -> None:
        """Check what can be checked before any picture is read.

        Args:
            weights: droid.pth.
            device: where pictures are put; the network itself always runs on the first GPU.
            options: of the tracker.

        Raises:
            UserError: if the package, a GPU or the weights are missing or wrong.
        """
        self.options = options
        self._device = choose_device(device)
        self._make_droid = _import_droid()
        _check_weights(weights)
        self._weights = weights

    def track(self, pictures: DroidPictures, frames: range, lens_px: np.ndarray) -> DroidWindow:
        """Track until the frames end or the keyframes fill the memory, and find the pose of every frame.

        Args:
            pictures: the clip's.
            frames: of the clip, at a stride of 1.
            lens_px: (4,) fx fy cx cy of the pictures.

        Raises:
            UserError: if there is no GPU, or too little memory on it.
        """

        def use(droid: Any) -> DroidWindow:
            with contextlib.closing(pictures.masked(frames)) as shown:
                done = frames[: self._feed(droid, progress(shown, len(frames), "track camera"), lens_px)]
            n_keyframes = int(droid.video.counter.value)
            if n_keyframes <= 1:
                return DroidWindow(done, None, np.zeros(0, dtype=int), np.zeros((0, 0, 0)))
            trajectory = np.asarray(droid.terminate(self._stream(pictures, done, lens_px)), dtype=np.float64)
            middle = CELL_PX // 2
            disparities = droid.video.disps_up[:n_keyframes, middle::CELL_PX, middle::CELL_PX].cpu().numpy()
            tstamps = droid.video.tstamp[:n_keyframes].cpu().numpy()
            keyframes = done.start + np.clip(tstamps.round().astype(int), 0, len(done) - 1)
            return DroidWindow(done, trajectory, keyframes, disparities.astype(np.float64))

        options = self.options
        return self._run(use, pictures.size_px, len(frames), options.frontend_window, options.frontend_thresh)

    def reprojection_error(self, shown: Sequence[DroidPicture], lens_px: np.ndarray) -> float | None:
        """Mean distance between where points are seen and where the solution puts them, pixels of the network's grid.

        Args:
            shown: pictures in order.
            lens_px: (4,) fx fy cx cy of the pictures.

        Returns:
            The error, not finite where solving failed; None if the camera stands.
        """

        def use(droid: Any) -> float | None:
            self._feed(droid, progress(shown, len(shown), "search focal length"), lens_px)
            return None if droid.video.counter.value <= 1 else float(droid.compute_error())

        height_px, width_px = shown[0].pixels.shape[:2]
        options = self.options
        return self._run(use, (width_px, height_px), len(shown), options.search_window, options.search_thresh)

    def _feed(self, droid: Any, shown: Iterable[DroidPicture], lens_px: np.ndarray) -> int:
        """Show pictures in order; returns how many were shown before the keyframes filled the memory."""
        lens, n_shown = torch.tensor(lens_px, dtype=torch.float32), 0
        for t, picture in enumerate(shown):
            droid.track(t, self._tensor(picture.pixels), intrinsics=lens, mask=torch.from_numpy(picture.people))
            n_shown = t + 1
            if droid.video.counter.value >= self.options.max_keyframes:
                break
        return n_shown

    def _stream(
        self, pictures: DroidPictures, frames: range, lens_px: np.ndarray
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        lens = torch.tensor(lens_px, dtype=torch.float32)
        for t, pixels in enumerate(progress(pictures.plain(frames), len(frames), "place all frames")):
            yield t, self._tensor(pixels), lens

    def _tensor(self, pixels: np.ndarray) -> torch.Tensor:
        """(1, 3, height, width) uint8."""
        if self.options.channel_order == "bgr":
            pixels = pixels[..., ::-1]
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device).permute(2, 0, 1)[None]

    def _run(
        self, use: Callable[[Any], _T], size_px: tuple[int, int], n_frames: int, window: int, threshold: float
    ) -> _T:
        """What `use` makes of a DROID of its own, whose memory is free again afterwards."""
        buffer = min(n_frames, self.options.max_keyframes) + _SPARE_SLOTS
        try:
            return use(self._start(_settings(self.options, self._weights, size_px, buffer, window, threshold)))
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            raise UserError(
                f"camera=droid: the GPU's memory is too small for {buffer} pictures of {size_px[0]} x {size_px[1]}. "
                f"Lower droid_max_keyframes, which is {self.options.max_keyframes}, by --config, or free the GPU."
            ) from error
        finally:
            if torch.cuda.is_available():
                gc.collect()
                torch.cuda.empty_cache()

    def _start(self, settings: argparse.Namespace) -> Any:
        try:
            return self._make_droid(settings)
        except (RuntimeError, AssertionError) as error:  # torch raises either where there is no GPU
            if lacks_memory(error) or torch.cuda.is_available():
                raise
            raise UserError(
                f"camera=droid: {_MODEL} runs on an NVIDIA GPU only, and torch {torch.__version__} finds none here. "
                f"See what is missing with: nlf-pipeline doctor. {_OTHERWISE}"
            ) from error


def _settings(
    options: DroidOptions, weights: Path, size_px: tuple[int, int], buffer: int, window: int, threshold: float
) -> argparse.Namespace:
    return argparse.Namespace(
        t0=0,
        stride=1,
        weights=str(weights),
        buffer=buffer,
        image_size=(size_px[1], size_px[0]),
        beta=options.beta,
        filter_thresh=options.filter_thresh,
        warmup=options.warmup,
        keyframe_thresh=options.keyframe_thresh,
        frontend_window=window,
        frontend_thresh=threshold,
        frontend_radius=options.frontend_radius,
        frontend_nms=options.frontend_nms,
        backend_thresh=options.backend_thresh,
        backend_radius=options.backend_radius,
        backend_nms=options.backend_nms,
        stereo=False,
        upsample=True,
        disable_vis=True,
    )


def _import_droid() -> Callable[[argparse.Namespace], Any]:
    try:
        return importlib.import_module(f"{_PACKAGE}.droid").Droid
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == _PACKAGE:
            raise UserError(
                f"camera=droid needs the package {_PACKAGE}, which is not installed here: it is built from source, "
                f"with CUDA, in an environment of its own, which the setting droid_env names; {_BUILDING}. {_OTHERWISE}"
            ) from error
        raise _unusable(error) from error
    except (ImportError, OSError, AttributeError) as error:
        raise _unusable(error) from error


def _unusable(error: Exception) -> UserError:
    reason = str(error).strip().partition("\n")[0]
    return UserError(
        f"camera=droid: the package {_PACKAGE} is installed but cannot be used ({reason}). Build it, lietorch and "
        f"torch_scatter again with the torch that is here, {torch.__version__}; {_BUILDING}. {_OTHERWISE}"
    )


def _check_weights(path: Path) -> None:
    """Raise UserError unless `path` holds the network's weights."""
    values = read_state_dict(path, _MODEL)
    shapes = {name.removeprefix(_WRAPPED): tuple(value.shape) for name, value in values.items()}
    for name, expected in _KNOWN_SHAPES.items():
        if shapes.get(name) != expected:
            found = "nothing" if name not in shapes else f"one of shape {shapes[name]}"
            raise UserError(
                f"{path}: these are not the weights of {_MODEL}: expected a tensor {name} of shape {expected}, found "
                f"{found}. Delete it and get it anew: {weights_command('fetch', path)}, or put the right file at {path}"
            )
