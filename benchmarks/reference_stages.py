"""The stages that run the real models, each on a clip, with stand-in weights: random, but laid out as published."""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.geometry import focal_from_fov
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import weights_path

Part = Literal["segment", "full_memory", "detect", "semantics", "estimate", "interpolate"]
N_PEOPLE = 2
_TESTS = Path(__file__).resolve().parents[1] / "tests_reference"
_STAND_INS: Mapping[Part, tuple[str, str]] = {
    "segment": ("stcn", "stcn"),
    "full_memory": ("stcn", "stcn"),
    "detect": ("maskrcnn", "maskrcnn"),
    "semantics": ("deeplabv3", "deeplabv3"),
    "estimate": ("nlf", "nlf_l"),
    "interpolate": ("rife", "rife"),
}
"""Whose random weights a part needs, and what they are called in the registry."""
FPS_FACTOR = 2
_FOV_DEG = 55.0


@dataclass(frozen=True)
class Clip:
    """A clip as stages get it."""

    path: Path
    facts: VideoFacts


@dataclass(frozen=True)
class Setup:
    """What stages need besides the clip."""

    folder: Path
    """For weights and results."""
    body: Path
    """Folder of the open body."""
    device: DeviceName


@dataclass(frozen=True)
class Work:
    """A stage's backend, its model loaded."""

    stage: str
    model: str
    run: Callable[[Clip], str]
    """Does the clip; returns what there is to say about it."""
    network: tuple[tuple[type, str], ...]
    """The methods (class, name) that are the network; empty if they cannot be told apart."""


def write_weights(part: Part, setup: Setup) -> None:
    """Put a part's stand-in weights where they are looked for."""
    stand_in, name = _STAND_INS[part]
    path = weights_path(setup.folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(_TESTS))
    importlib.import_module(f"standins.{stand_in}").write_weights(path)


def two_people(size_px: tuple[int, int]) -> list[RLEMask]:
    """Upright ellipses, as tall as the people of the demo, side by side."""
    width_px, height_px = size_px
    masks = []
    for k in range(N_PEOPLE):
        canvas = np.zeros((height_px, width_px), np.uint8)
        centre = round(width_px * (k + 1) / (N_PEOPLE + 1)), height_px // 2
        cv2.ellipse(canvas, centre, (height_px // 12, height_px // 4), 0, 0, 360, (1,), cv2.FILLED)
        masks.append(RLEMask.from_array(canvas))
    return masks


def standing_tracks(facts: VideoFacts) -> MaskTracks:
    """The same two people in every frame."""
    rows = tuple((mask,) * facts.n_frames for mask in two_people(facts.size_px))
    return MaskTracks(facts.size_px, facts.fps, facts.n_frames, tuple(range(1, N_PEOPLE + 1)), rows)


def _segment(setup: Setup, is_full: bool) -> Work:
    """STCN follows two people who are given; nobody is looked for, which `detect` measures."""
    from stcnbuf.inference_memory_bank import MemoryBank  # pyright: ignore[reportMissingImports]
    from stcnbuf.model.eval_network import STCN  # pyright: ignore[reportMissingImports]

    from nlf_pipeline.segmenters import PeopleChoice
    from nlf_pipeline.segmenters.propagation.network import StcnPropagator, load_network
    from nlf_pipeline.segmenters.propagation.seams import Detection, Models
    from nlf_pipeline.segmenters.stcn import StcnSegmenter
    from nlf_pipeline.segmenters.stcn_options import StcnOptions

    class FullFromTheStart(StcnPropagator):
        """Remembers the first frame as often as there is room, which costs what as many different frames cost."""

        @torch.inference_mode()
        def start(self, image: np.ndarray, masks: np.ndarray, others: np.ndarray) -> None:
            super().start(image, masks, others)
            bank = self.banks[-1]
            bank.mem_k = bank.mem_k.repeat(1, 1, options.memory_frames)
            bank.mem_v = bank.mem_v.repeat(1, 1, options.memory_frames)

    class GivenPeople:
        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection(mask, 1.0) for mask in two_people((image.shape[1], image.shape[0]))]

    options = StcnOptions(redetect_every=0.0)
    device = choose_device(setup.device)
    network = load_network(weights_path(setup.folder, "stcn"), device)
    kind = FullFromTheStart if is_full else StcnPropagator
    segmenter = StcnSegmenter(
        options, lambda size_px: Models(GivenPeople(), lambda: kind(network, options, size_px, device))
    )

    def run(clip: Clip) -> str:
        people = segmenter.segment(read_frames(clip.path), clip.facts, PeopleChoice(N_PEOPLE, (), 0))
        people.followed.save(setup.folder / "masks.json")
        return ""

    memory = f"{options.memory_frames} frames in memory throughout" if is_full else "memory empty at first"
    methods = (
        (STCN, "encode_key"), (STCN, "encode_value"), (STCN, "segment_with_query"), (MemoryBank, "match_memory"),
        (MemoryBank, "add_memory"),
    )  # fmt: skip
    label = f"STCN, {N_PEOPLE} people, {options.resolution} lines, {options.passes} passes, {memory}"
    return Work("segment", label, run, methods)


def _detect(setup: Setup) -> Work:
    from torchvision.models.detection import MaskRCNN  # pyright: ignore[reportMissingImports]

    from nlf_pipeline.segmenters.maskrcnn import MaskRcnnDetector
    from nlf_pipeline.segmenters.stcn_options import StcnOptions

    options = StcnOptions()
    detector = MaskRcnnDetector(
        weights_path(setup.folder, "maskrcnn"),
        options.detection_threshold,
        options.detector_resolution,
        choose_device(setup.device),
    )

    def run(clip: Clip) -> str:
        found = [len(detector.detect(frame)) for frame in read_frames(clip.path)]
        return f"{np.mean(found):.0f} people found in each"

    label = f"Mask R-CNN, {options.detector_resolution} lines, one look per frame here"
    return Work("segment", label, run, ((MaskRCNN, "forward"),))


def _semantics(setup: Setup) -> Work:
    from torchvision.models.segmentation import DeepLabV3  # pyright: ignore[reportMissingImports]

    from nlf_pipeline.semantics import make_people_masker
    from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions

    options = DeepLabOptions()
    masker = make_people_masker("deeplabv3", deeplabv3=options, weights=setup.folder, device=setup.device)

    def run(clip: Clip) -> str:
        found = masker.mask_people(read_frames(clip.path), [standing_tracks(clip.facts)])
        found.save(setup.folder / "people_mask.json")
        return ""

    label = f"DeepLabV3-ResNet101, {options.input_size} lines"
    return Work("semantic_masks", label, run, ((DeepLabV3, "forward"),))


def _estimate(setup: Setup) -> Work:
    from nlf_pipeline.estimators import make_estimator
    from nlf_pipeline.estimators.nlf_options import NlfOptions
    from nlf_pipeline.person_cache import PersonCache
    from nlf_pipeline.predictions import writing_predictions

    estimator = make_estimator("nlf", setup.body, PersonCache(None), setup.folder, setup.device, NlfOptions())

    def run(clip: Clip) -> str:
        facts, tracks = clip.facts, standing_tracks(clip.facts)
        focal_px = focal_from_fov(_FOV_DEG, facts.size_px)
        centre_px = (facts.width_px - 1) / 2, (facts.height_px - 1) / 2
        lens = Intrinsics(facts.size_px, (focal_px, focal_px), centre_px, [], "assumed")
        out = setup.folder / "predictions.xz"
        with writing_predictions(out, np.array(tracks.person_ids), facts.fps, facts.n_frames) as sink:
            for frame in estimator.estimate(read_frames(clip.path), facts, tracks, tracks, lens):
                sink.append(frame)
        return ""

    return Work("estimate", f"NOT NLF: a stand-in without a network, {N_PEOPLE} people; our side alone", run, ())


def _interpolate(setup: Setup) -> Work:
    from nlf_pipeline.interpolate import CRF, inbetweened
    from nlf_pipeline.interpolators import make_interpolator
    from nlf_pipeline.interpolators.ifnet import IFNet
    from nlf_pipeline.video import writing_video

    interpolator = make_interpolator("rife", setup.folder, setup.device)

    def run(clip: Clip) -> str:
        out = setup.folder / "interpolated.mp4"
        with writing_video(out, clip.facts.fps * FPS_FACTOR, crf=CRF) as sink:
            for frame in inbetweened(read_frames(clip.path), (), FPS_FACTOR, interpolator):
                sink.append_data(frame)
        return f"{(clip.facts.n_frames - 1) * (FPS_FACTOR - 1)} frames made"

    methods = ((IFNet, "with_features"), (IFNet, "forward"))
    return Work("interpolate", f"RIFE 4.18, factor {FPS_FACTOR}, with encoding", run, methods)


PREPARE: Mapping[Part, Callable[[Setup], Work]] = {
    "segment": lambda setup: _segment(setup, is_full=False),
    "full_memory": lambda setup: _segment(setup, is_full=True),
    "detect": _detect,
    "semantics": _semantics,
    "estimate": _estimate,
    "interpolate": _interpolate,
}
"""Loads the model of each part."""
