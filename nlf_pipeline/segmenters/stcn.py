"""People found by Mask R-CNN and followed by STCN."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import framepump
import numpy as np
import torch

from nlf_pipeline.artefacts import IdentityDoubt, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.gpu_limits import lacks_memory
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import Part, digest, file_digest
from nlf_pipeline.progress import progress
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople
from nlf_pipeline.segmenters.people_choice import choose_people, prominence
from nlf_pipeline.segmenters.propagation.bystanders import mark_bystanders
from nlf_pipeline.segmenters.propagation.chunks import ClipChunks, ShotPeople
from nlf_pipeline.segmenters.propagation.doubts import find_doubts
from nlf_pipeline.segmenters.propagation.frames import small_size
from nlf_pipeline.segmenters.propagation.masks import Track
from nlf_pipeline.segmenters.propagation.seams import Models
from nlf_pipeline.segmenters.propagation.seed import find_seed
from nlf_pipeline.segmenters.propagation.shot import Clip, ShotTracker
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.weights.registry import weights_path
from nlf_pipeline.workflow.versions import code_version

_SHORTEST_S = 0.3  # or half the shot: whom nobody chose and who is seen for less is a bystander
log = logging.getLogger(__name__)

LoadModels = Callable[[tuple[int, int]], Models]
"""Of clips of a size (width, height)."""


def load_models(size_px: tuple[int, int], options: StcnOptions, weights: Path, device: DeviceName) -> Models:
    """The published models.

    Args:
        size_px: (width, height) of the clip.
        options: of the segmenter.
        weights: folder with the weights of `stcn` and `maskrcnn`.
        device: where they run.

    Raises:
        UserError: if weights are missing, damaged or another model's, a package is missing, or the device cannot be
            used.
    """
    try:
        from nlf_pipeline.segmenters.maskrcnn import MaskRcnnDetector
        from nlf_pipeline.segmenters.propagation.network import load_network, propagators
    except ModuleNotFoundError as error:
        raise UserError(
            f"segmenter stcn: the Python package {error.name} is not installed here. Get it with: "
            "make install-reference. Or find people without: --config segmenter=blazepose"
        ) from error

    where = choose_device(device)
    network = load_network(weights_path(weights, "stcn"), where)
    detector = MaskRcnnDetector(
        weights_path(weights, "maskrcnn"), options.detection_threshold, options.detector_resolution, where
    )
    files = [file_digest(weights_path(weights, name)) for name in ("stcn", "maskrcnn")]
    libraries = [version(name) for name in ("torch", "torchvision", "stcnbuf")]
    return Models(detector, propagators(network, options, size_px, where), digest(files, libraries, where.type))


@dataclass
class _Found:
    """Who was seen so far, and what is doubtful about it."""

    followed: list[Track] = field(default_factory=list)
    bystanders: list[Track] = field(default_factory=list)
    doubts: list[IdentityDoubt] = field(default_factory=list)
    """About rows of `followed`."""


class StcnSegmenter:
    """Follows people whom it found at the start, and those who enter later while there is room."""

    def __init__(
        self,
        options: StcnOptions,
        load: LoadModels,
        checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    ) -> None:
        """Load nothing yet.

        Args:
            options: of the segmenter.
            load: loads the models.
            checkpoints: of the clip that is to be segmented.
        """
        self._options, self._load, self._checkpoints = options, load, checkpoints

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Masks of the chosen people in every frame in which they are seen; identities do not cross `facts.cuts`."""
        found = _Found()
        clip = Clip(frames, facts.fps, facts.size_px, small_size(facts.size_px, self._options.resolution))
        with _seeded(self._options.seed):
            done = self._follow(clip, facts, choice, found)
            try:
                for _ in progress(done, facts.n_frames, "segment"):
                    pass
            except RuntimeError as error:
                if not lacks_memory(error):
                    raise
                raise UserError(
                    f"segmenter stcn: the GPU's memory is not enough for {self._options.memory_frames} remembered "
                    f"frames of {clip.small_px[0]} x {clip.small_px[1]} pixels. Lower stcn_memory_frames (it needs "
                    "memory in proportion) or stcn_resolution by --config, or run with --config device=cpu"
                ) from error
        return _numbered(found, facts)

    def _follow(self, clip: Clip, facts: VideoFacts, choice: PeopleChoice, found: _Found) -> Iterator[int]:
        """Add the people of every shot to `found`; yields each frame when it is done."""
        models = self._load(facts.size_px)
        rng = np.random.default_rng(self._options.seed)
        store = self._checkpoints
        chunks = ClipChunks(store.within(*self._depends_on(models, facts, choice)) if store.keeps else store, rng)
        for number, shot in enumerate(facts.shots()):
            if number < len(chunks.done):
                yield from range(shot.start, shot.stop)
                people = chunks.done[number]
            else:
                tracker = ShotTracker(clip, shot, models, self._options, rng, chunks)
                yield from tracker.follow(partial(find_seed, clip, shot, models.detector, choice))
                people = tracker.people
            shortest = 1.0 if choice.select_points_px else min(_SHORTEST_S * facts.fps, (shot.stop - shot.start) / 2)
            _add(found, people, shot, facts.fps, shortest)

    def _depends_on(self, models: Models, facts: VideoFacts, choice: PeopleChoice) -> tuple[Part, ...]:
        """All that following people depends on, besides the clip."""
        chosen = replace(self._options, batch_size=1)  # no result depends on it
        code = code_version("segmenters.stcn"), version("numpy"), cv2.__version__, models.version
        clip = facts.size_px, facts.fps, facts.n_frames, [shot.start for shot in facts.shots()]
        return code, astuple(chosen), clip, astuple(choice)


def _add(found: _Found, people: ShotPeople, shot: slice, fps: float, shortest: float) -> None:
    followed = [track for track in people.followed if len(track) >= shortest]
    brief = [track for track in people.followed if 0 < len(track) < shortest]
    n_before = len(found.followed)
    for doubt in find_doubts(followed, fps):
        rows = [n_before + row for row in doubt.person_ids]
        found.doubts.append(IdentityDoubt(doubt.start, doubt.stop, rows, doubt.reason, doubt.margin))
    found.followed += followed
    found.bystanders += [*brief, *mark_bystanders(people.bystanders, people.followed, shot, fps)]


def _numbered(found: _Found, facts: VideoFacts) -> SegmentedPeople:
    """Everybody in order of prominence, followed people from 1, bystanders after them."""
    n = len(found.followed)
    everyone = PeopleChoice(max(1, n), (), 0)
    people = choose_people(_tracks(found.followed, range(n), facts), everyone, facts.shots(), found.doubts)
    bystanders = _tracks(found.bystanders, range(len(found.bystanders)), facts)
    order = np.argsort(-prominence(bystanders), kind="stable").tolist()
    ordered = _tracks([found.bystanders[k] for k in order], range(n + 1, n + 1 + len(order)), facts)
    log.info("%d people are followed; %d bystanders were seen", n, len(order))
    return SegmentedPeople(people.followed, ordered, people.doubts)


def _tracks(rows: Sequence[Track], person_ids: range, facts: VideoFacts) -> MaskTracks:
    masks = tuple(tuple(row.get(t) for t in range(facts.n_frames)) for row in rows)
    return MaskTracks(facts.size_px, facts.fps, facts.n_frames, tuple(person_ids), masks)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within, what a full memory forgets follows from `seed`; torch's own random state is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
