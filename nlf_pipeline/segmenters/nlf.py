"""People found by NLF's own detector, marked by the outlines of the bodies it sees."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from importlib.metadata import version
from pathlib import Path

import cv2
import framepump
import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES
from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_model import FoundBodies, NlfModel
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.estimators.nlf_release import NAME
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix, project
from nlf_pipeline.person_cache import Part, file_digest
from nlf_pipeline.prefetching import prefetched
from nlf_pipeline.progress import progress
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople
from nlf_pipeline.segmenters.body_chunks import BLOCK_FRAMES, keep_blocks, kept_blocks
from nlf_pipeline.segmenters.collected_people import CollectedPeople
from nlf_pipeline.segmenters.identities import identify
from nlf_pipeline.segmenters.nlf_following import BodyTracker, SeenBody, SightedBody, radius_px
from nlf_pipeline.segmenters.nlf_silhouettes import BodyParts, nearest_first
from nlf_pipeline.segmenters.people_choice import choose_people
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.workflow.versions import code_version

_LEAST_RELIABILITY = 0.1
"""The detector's scores are low for people who are hidden half of the time."""
_LEAST_VISIBLE_PX = 30
log = logging.getLogger(__name__)


class NlfSegmenter:
    """Follows everybody whom NLF detects, then chooses."""

    def __init__(
        self,
        weights_file: Path,
        device: DeviceName,
        options: NlfOptions,
        checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    ) -> None:
        """Look at what is needed.

        Args:
            weights_file: NLF's TorchScript release.
            device: where it runs.
            options: how it is called.
            checkpoints: of the clip that is to be segmented.

        Raises:
            UserError: if the weights are not there or not NLF's, or the device cannot be used.
        """
        check_weights_file(weights_file, NAME)
        self._device, self._options = choose_device(device), options
        self._weights_file, self._checkpoints = weights_file, checkpoints
        self._model = NlfModel.load(weights_file, self._device, options)
        points = self._model.canonical_points("smpl")
        if points is None:
            raise UserError(
                f"{weights_file}: this release of NLF does not say where SMPL's points are, which the segmenter nlf "
                "needs. Use release 0.2.2 to 0.3.2, or another segmenter."
            )
        self._parts = BodyParts.of(points)
        self._model.localize(points)

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Masks of the chosen people in every frame in which they are seen; identities do not cross `facts.cuts`."""
        K = pinhole_matrix(focal_from_fov(self._options.default_fov_degrees, facts.size_px), facts.size_px)
        found = iter(progress(self._sighted(frames, facts, K), facts.n_frames, "segment"))
        collected = CollectedPeople(_LEAST_RELIABILITY, keep_unreliable=True)
        for shot in facts.shots():
            tracker = BodyTracker(facts.fps)
            for frame, bodies in zip(range(shot.start, shot.stop), found, strict=False):
                tracker.step(frame, bodies)
            collected.add(identify(tracker.finish(), facts.fps, facts.size_px), shot, facts.fps)
        log.info(
            "%d people were seen; %d of them jump about too much to be followed unless select_points name them",
            len(collected.people),
            len(collected.unreliable),
        )
        everybody = collected.tracks(facts)
        return choose_people(everybody, choice, facts.shots(), collected.doubts, collected.unreliable)

    def _sighted(self, frames: framepump.VideoFrames, facts: VideoFacts, K: np.ndarray) -> Iterator[list[SightedBody]]:
        """Who is seen in every frame, kept or found."""
        store = self._checkpoints
        if store.keeps:
            store = store.within(*self._depends_on(facts))
        first = 0
        for block in kept_blocks(store, facts.n_frames):
            yield from block
            first += len(block)
        deep_frames = framepump.VideoFrames(frames.path, dtype=np.uint16)
        found = self._find(deep_frames[first : facts.n_frames], K)
        sighted = (
            [SightedBody.of(frame, image, body) for body in self._visible(bodies, K, facts.size_px)]
            for frame, (image, bodies) in enumerate(found, start=first)
        )
        yield from keep_blocks(store, sighted, first, facts.n_frames)

    def _depends_on(self, facts: VideoFacts) -> tuple[Part, ...]:
        """All that finding bodies depends on, besides the clip."""
        chosen = replace(self._options, batch_size=1, internal_batch_size=1)  # no result depends on these
        libraries = version("torch"), version("numpy"), cv2.__version__
        where = file_digest(self._weights_file), self._device.type
        return code_version("segmenters.nlf"), libraries, where, astuple(chosen), facts.size_px, facts.n_frames

    def _find(self, frames: Iterable[np.ndarray], K: np.ndarray) -> Iterator[tuple[np.ndarray, FoundBodies]]:
        """Every frame as (height, width, 3) uint8 RGB, and the bodies in it; the first frame is a block's first."""
        import torch

        for batch in prefetched(_batches(frames, self._options.batch_size)):
            bodies = self._model.detect(torch.from_numpy(batch), np.repeat(K[None], len(batch), axis=0))
            yield from zip((batch >> 8).astype(np.uint8), bodies, strict=True)

    def _visible(self, bodies: FoundBodies, K: np.ndarray, size_px: tuple[int, int]) -> list[SeenBody]:
        """Those of whom anything is visible."""
        joints = bodies.points[:, -len(SMPL_JOINT_NAMES) :].astype(np.float64)
        depths = joints[:, 0, 2]
        near = np.flatnonzero(np.isfinite(bodies.points).all(axis=(1, 2)) & (joints[..., 2] > 0).all(axis=1))
        whole = [self._parts.silhouette(bodies.points[k].astype(np.float64), K, size_px) for k in near]
        seen = []
        for k, silhouette, visible in zip(near, whole, nearest_first(whole, depths[near]), strict=True):
            area = np.count_nonzero(visible)
            if area < _LEAST_VISIBLE_PX:
                continue
            joints_px = project(joints[k], K)
            inside = np.all((joints_px >= -0.5) & (joints_px <= np.array(size_px) - 0.5), axis=1).mean()
            part = float(inside * area / np.count_nonzero(silhouette))
            radius = radius_px(float(K[1, 1]), float(depths[k]))
            seen.append(SeenBody(joints_px, radius, visible, part, float(bodies.boxes_px[k, 4])))
        return seen


def _batches(frames: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Frames `size` at a time, none of them across two blocks, so that every run asks the same of the model."""
    remaining, n_done = iter(frames), 0
    while batch := list(itertools.islice(remaining, min(size, BLOCK_FRAMES - n_done % BLOCK_FRAMES))):
        n_done += len(batch)
        yield np.stack(batch)
