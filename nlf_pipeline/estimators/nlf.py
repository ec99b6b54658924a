"""Bodies by NLF, frame by frame in the boxes of the masks. Needs a GPU to be quick.

What was found of a person in a block of frames is kept, so an edit of who is who asks the model nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import framepump
import numpy as np

if TYPE_CHECKING:
    import torch

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.canonical_points import canonical_points, published_points
from nlf_pipeline.estimators.nlf_blocks import Block, PersonBlock
from nlf_pipeline.estimators.nlf_model import NlfModel
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.estimators.nlf_release import NAME, lens_coefficients
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import Part, PersonCache, digest, file_digest
from nlf_pipeline.predictions import FramePredictions
from nlf_pipeline.prefetching import prefetched
from nlf_pipeline.progress import progress
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.workflow.versions import code_version

_BLOCK_FRAMES = 64
"""Frames of a person that are kept together."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Pictures:
    """Some frames of a block, to be looked at."""

    block: Block
    frames: np.ndarray
    """(n,) indices."""
    pictures: torch.Tensor | None
    """(n, height, width, 3) uint16; None if there are no frames."""
    is_last: bool
    """Of the block."""


@dataclass(frozen=True)
class _Clip:
    """What the model is asked about."""

    boxes_px: np.ndarray
    """(detected people, frames, 4) left, top, width, height."""
    is_seen: np.ndarray
    """(detected people, frames) bool: the box is one that has an area."""
    K: np.ndarray
    """(frames, 3, 3) pixels."""
    distortion: np.ndarray
    """(5 to 12,)."""


class NlfEstimator:
    """Asks NLF for the body model's points of everybody in every frame."""

    def __init__(
        self, body_dir: Path, cache: PersonCache, weights_file: Path, device: DeviceName, options: NlfOptions
    ) -> None:
        """Look at what is needed; the model itself is loaded only if it has anything to do.

        Args:
            body_dir: folder with the body model.
            cache: of the clip's people.
            weights_file: NLF's TorchScript release.
            device: where it runs.
            options: how it is called.

        Raises:
            UserError: if the body model or the weights are not there, or the device cannot be used.
        """
        self._weights_file, self._cache, self._options = weights_file, cache, options
        self._body = BodyMeshes(load_resting_body(body_dir, subset=True))
        self._kind = BodyKind.of(body_dir)
        self._published = published_points(weights_file.parent, self._kind.layout)
        check_weights_file(weights_file, NAME)
        self._device = choose_device(device)
        self._model: NlfModel | None = None
        self._n_lost = 0

    def estimate(
        self,
        frames: framepump.VideoFrames,
        facts: VideoFacts,
        tracks: MaskTracks,
        detected: MaskTracks,
        intrinsics: Intrinsics,
    ) -> Iterator[FramePredictions]:
        """One FramePredictions per frame, in order, rows as in `tracks`, camera frame."""
        rows, boxes_px = tracks.rows_in(detected), detected.boxes_px
        seen = np.nan_to_num(boxes_px[..., 2:]).min(axis=-1, initial=np.inf) > 0
        clip = _Clip(boxes_px, seen, intrinsics.K_frames(facts.n_frames), lens_coefficients(intrinsics.distortion))
        # Eight bits would lose shades in the dark when NLF makes pictures linear.
        deep_frames = framepump.VideoFrames(frames.path, dtype=np.uint16)
        blocks = self._blocks(clip, rows, facts.n_frames)
        yield from progress(
            self._predict(prefetched(self._read(deep_frames, blocks, clip)), clip, rows), facts.n_frames, "estimate"
        )
        if self._n_lost:
            log.warning("NLF gave no numbers %d times: whom it was asked about counts as not seen there", self._n_lost)

    def _blocks(self, clip: _Clip, rows: np.ndarray, n_frames: int) -> Iterator[Block]:
        """Every block of the clip, with what is kept of it."""
        shared = self._depends_on()
        for start in range(0, n_frames, _BLOCK_FRAMES):
            frames = slice(start, min(start + _BLOCK_FRAMES, n_frames))
            wanted = sorted({*rows[:, frames].flat} - {-1})
            keys = {
                row: self._cache.key("nlf", shared, start, clip.boxes_px[row, frames], clip.K[frames], clip.distortion)
                for row in wanted
            }
            kept = {row: self._cache.load(key) for row, key in keys.items()}
            people = {row: PersonBlock(**arrays) for row, arrays in kept.items() if arrays is not None}
            yield Block(frames, keys, people, tuple(row for row in wanted if row not in people))

    def _depends_on(self) -> str:
        """Digest of all that a person's body depends on, besides the clip, his boxes and the lens."""
        model, options = self._body.model, self._options
        parts: tuple[Part, ...] = (
            code_version("estimators.nlf"),
            file_digest(self._weights_file) if self._cache.keeps else None,
            (options.num_aug, options.antialias_factor),
            [np.asarray(a) for a in (self._body.template, model.shapedirs, model.posedirs, model.weights)],
            [np.asarray(a) for a in (model.J_template, model.J_shapedirs)],
            np.asarray(model.vertex_subset),
            self._published,
        )
        return digest(*parts)

    def _read(self, frames: framepump.VideoFrames, blocks: Iterator[Block], clip: _Clip) -> Iterator[_Pictures]:
        """The frames in which somebody is still to be found, a batch at a time, decoded as they are asked for.

        Every block comes at least once.
        """
        import torch

        upcoming: list[int] = []
        stream = frames.frames_at(iter(lambda: upcoming.pop(0), None))
        for block in blocks:
            seen = clip.is_seen[list(block.missing), block.frames].any(axis=0)
            indices = block.frames.start + np.flatnonzero(seen)
            batches = [
                indices[i : i + self._options.batch_size] for i in range(0, len(indices), self._options.batch_size)
            ]
            for batch in batches:
                upcoming.extend(batch.tolist())
                pictures = torch.from_numpy(np.stack([next(stream) for _ in batch]))
                if self._device.type == "cuda":
                    pictures = pictures.pin_memory()
                yield _Pictures(block, batch, pictures, batch is batches[-1])
            if not batches:
                yield _Pictures(block, indices, None, is_last=True)

    def _predict(self, batches: Iterator[_Pictures], clip: _Clip, rows: np.ndarray) -> Iterator[FramePredictions]:
        """Everybody's bodies, from kept ones and from pictures."""
        n_points = self._body.model.num_vertices + self._body.model.num_joints
        for batch in batches:
            block = batch.block
            n_frames = block.frames.stop - block.frames.start
            for row in block.missing:
                block.people.setdefault(row, PersonBlock.nothing(n_frames, n_points))
            if batch.pictures is not None:
                self._find(batch, batch.pictures, clip)
            if batch.is_last:
                for row in block.missing:
                    self._cache.save(block.keys[row], vars(block.people[row]))
                yield from block.predictions(
                    rows[:, block.frames], self._body.model.num_vertices, self._body.model.num_joints
                )

    def _find(self, batch: _Pictures, pictures: torch.Tensor, clip: _Clip) -> None:
        """Ask the model about some pictures, and note what it says in their block."""
        block, missing = batch.block, np.array(batch.block.missing)
        asked = [missing[clip.is_seen[missing, t]] for t in batch.frames]
        boxes = [clip.boxes_px[who, t] for who, t in zip(asked, batch.frames, strict=True)]
        bodies = self._loaded().estimate(pictures, boxes, clip.K[batch.frames], clip.distortion)
        for t, who, body in zip(batch.frames - block.frames.start, asked, bodies, strict=True):
            for row, points, uncertainties in zip(who, body.points, body.uncertainties, strict=True):
                if not (np.isfinite(points).all() and np.isfinite(uncertainties).all()):
                    self._n_lost += 1
                    continue
                person = block.people[int(row)]
                person.points[t], person.uncertainties[t], person.found[t] = points, uncertainties, True

    def _loaded(self) -> NlfModel:
        """The model, asked for the body's points."""
        if self._model is None:
            model = NlfModel.load(self._weights_file, self._device, self._options)
            reference = model.canonical_points(self._kind.layout) if self._published is None else self._published
            if reference is None:
                raise UserError(
                    f"{self._weights_file}: this release of NLF does not say where the points of {self._kind.layout} "
                    "are. Put the folders canonical_verts and canonical_joints of nlf_data_files.zip (NLF's release "
                    f"0.2.0) into {self._weights_file.parent}."
                )
            model.localize(canonical_points(reference, self._body, self._kind))
            self._model = model
        return self._model
