"""Stages with the real models' code that are stopped go on where they were, to the same bits."""

import contextlib

import cv2
import numpy as np
import pytest
import torch
from rlemasklib import RLEMask
from standins import nlf
from standins.stcn import LAYOUT, random_tensors, read_layout

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.estimate import estimate
from nlf_pipeline.estimators import nlf as nlf_estimator
from nlf_pipeline.estimators.nlf_model import NlfModel
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segment import segment
from nlf_pipeline.segmenters import PeopleChoice, body_chunks
from nlf_pipeline.segmenters import nlf as nlf_segmenter
from nlf_pipeline.segmenters.propagation import shot
from nlf_pipeline.segmenters.propagation.network import StcnPropagator, build_network, propagators
from nlf_pipeline.segmenters.propagation.seams import Detection, Models
from nlf_pipeline.segmenters.stcn import StcnSegmenter
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.video import read_frames, writing_video
from nlf_pipeline.weights.registry import weights_path

SIZE_PX = (160, 96)
FPS, N, CUT = 10.0, 26, 17
BLOCK = 4


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Bright boxes that walk; the blue one comes later."""
    folder = tmp_path_factory.mktemp("clip")
    with writing_video(folder / "clip.mp4", FPS, crf=4) as sink:
        for t in range(N):
            sink.append_data(picture(t))
    VideoFacts("clip", *SIZE_PX, FPS, N, cuts=[CUT]).save(folder / "video.json")
    return folder


def picture(t):
    image = np.full((SIZE_PX[1], SIZE_PX[0], 3), 12, np.uint8)
    cv2.rectangle(image, (10 + 2 * t, 20), (40 + 2 * t, 80), (220, 60, 60), -1)
    if t > 3:
        cv2.rectangle(image, (130 - t, 30), (146 - t, 84), (60, 60, 230), -1)
    return image


def stopping(function, counter, most):
    """The same function, which stops everything when it is called once too often."""

    def counted(*arguments, **options):
        counter.append(1)
        if len(counter) > most:
            raise StoppedError
        return function(*arguments, **options)

    return counted


# --- stcn


class BoxDetector:
    """Finds the boxes."""

    def detect(self, image):
        masks = [image[..., 0] > 150, image[..., 2] > 150]
        return [Detection(RLEMask.from_array(mask.astype(np.uint8)), 0.9) for mask in masks if mask.sum() > 50]


@pytest.fixture(scope="module")
def noisy_network():
    network = build_network()
    network.load_state_dict(random_tensors(read_layout(LAYOUT), 3))
    return network.requires_grad_(False)


@pytest.mark.parametrize("passes", [1, 2])
def test_stcn(clip, noisy_network, tmp_path, monkeypatch, passes):
    """Memories are so small that they forget at random."""
    n, cut = 12, 8
    options = StcnOptions(passes=passes, resolution=32, redetect_every=0.4, memory_frames=2, recent_frames=1, top_k=5)
    models = Models(BoxDetector(), propagators(noisy_network, options, SIZE_PX, torch.device("cpu")))
    facts = VideoFacts("clip", *SIZE_PX, FPS, n, cuts=[cut])
    monkeypatch.setattr(shot, "CHUNK_FRAMES", BLOCK)

    def follow(counter, most=np.inf, keeps=True):
        store = ChunkStore(tmp_path / "checkpoints" if keeps else None)
        with monkeypatch.context() as patch, contextlib.suppress(StoppedError):
            patch.setattr(StcnPropagator, "_predict", stopping(StcnPropagator._predict, counter, most))
            return StcnSegmenter(options, lambda _: models, store).segment(
                read_frames(clip / "clip.mp4")[:n], facts, PeopleChoice(6, (), 2)
            )

    whole = []
    expected = follow(whole, keeps=False)
    assert expected is not None and len(expected.followed.person_ids) > 2
    for most in (2 * BLOCK, 2 * BLOCK + 3):
        follow([], most)
    last = []
    found = follow(last)
    assert found is not None
    assert (found.followed, found.bystanders, found.doubts) == (
        expected.followed,
        expected.bystanders,
        expected.doubts,
    )
    assert len(last) < len(whole)


@pytest.mark.parametrize("options", [{"passes": 1}, {"passes": 2}])
def test_a_propagator_that_remembers_goes_on_to_the_same_bits(noisy_network, options):
    options = StcnOptions(**options, memory_frames=3, recent_frames=2, top_k=5)
    make = propagators(noisy_network, options, SIZE_PX, torch.device("cpu"))
    masks, nobody = np.zeros((2, SIZE_PX[1], SIZE_PX[0]), bool), np.zeros((0, SIZE_PX[1], SIZE_PX[0]), bool)
    masks[0, 20:80, 10:40] = masks[1, 30:60, 90:120] = True
    first, images = make(), [picture(t) for t in range(7)]
    first.start(images[0], masks, nobody)
    if options.passes > 1:
        first.burn_in(images)
    for t, image in enumerate(images):
        if t == 3:
            first.start(image, masks[:1], nobody)
        lasting, changing, second = first.lasting_memory(), first.changing_memory(), make()
        assert bool(lasting) == (options.passes > 1)
        second.remember(lasting, {name: array.copy() for name, array in changing.items()})
        torch.manual_seed(t)
        expected = first._predict([image], None, remember=True)
        torch.manual_seed(t)
        with torch.inference_mode():
            assert torch.equal(second._predict([image], None, remember=True), expected)
        for one, other in zip(first.banks, second.banks, strict=True):
            assert torch.equal(one.mem_v, other.mem_v) and torch.equal(one.temp_k, other.temp_k)


# --- nlf


@pytest.fixture(scope="module")
def weights(body_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    nlf.write_weights(weights_path(folder, "nlf_l"))
    return folder


def segment_by_nlf(clip, weights, out, keeps=True):
    names = ("masks.json", "bystanders.json", "doubts.json")
    segment(
        video=clip / "clip.mp4",
        video_facts=clip / "video.json",
        out=out / names[0],
        bystanders_out=out / names[1],
        doubts_out=out / names[2],
        segmenter="nlf",
        weights=weights,
        device="cpu",
        nlf=NlfOptions(batch_size=3),
        checkpoints=out / "checkpoints" if keeps else None,
    )
    return [(out / name).read_bytes() for name in names]


def test_nlf_finds_nobody_twice(clip, weights, tmp_path, monkeypatch):
    for module in (body_chunks, nlf_segmenter):
        monkeypatch.setattr(module, "BLOCK_FRAMES", BLOCK)
    detect, done = NlfModel.detect, []
    monkeypatch.setattr(NlfModel, "detect", stopping(detect, done, np.inf))
    (tmp_path / "whole").mkdir()
    expected = segment_by_nlf(clip, weights, tmp_path / "whole", keeps=False)
    assert len(MaskTracks.load(tmp_path / "whole" / "masks.json").person_ids) == 4
    whole = len(done)
    assert whole == 2 * (N // BLOCK) + 1, "a batch of three and one of one in every block"
    done.clear()
    for most in (5, 2, 4):
        monkeypatch.setattr(NlfModel, "detect", stopping(detect, done, len(done) + most))
        with contextlib.suppress(StoppedError):
            segment_by_nlf(clip, weights, tmp_path)
    monkeypatch.setattr(NlfModel, "detect", stopping(detect, done, np.inf))
    assert segment_by_nlf(clip, weights, tmp_path) == expected
    assert len(done) <= whole + 3 * 2 + 3, "half blocks and the calls that failed"
    assert not (tmp_path / "checkpoints").exists()


def test_nlf_estimates_nobody_twice(clip, weights, body_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(nlf_estimator, "_BLOCK_FRAMES", BLOCK)
    boxes = [[RLEMask.from_bbox(np.array([x + t, 20, 30, 60]), imsize=SIZE_PX) for t in range(N)] for x in (10, 80)]
    MaskTracks(SIZE_PX, FPS, N, (1, 2), tuple(map(tuple, boxes))).save(tmp_path / "masks.json")
    centre_px = ((SIZE_PX[0] - 1) / 2, (SIZE_PX[1] - 1) / 2)
    Intrinsics(SIZE_PX, (150.0, 150.0), centre_px, [], "user").save(tmp_path / "intrinsics.json")
    ask, done = NlfModel.estimate, []

    def run(out, most):
        monkeypatch.setattr(NlfModel, "estimate", stopping(ask, done, len(done) + most))
        estimate(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            masks=tmp_path / "masks.json",
            intrinsics=tmp_path / "intrinsics.json",
            body=body_dir,
            out=out / "predictions.xz",
            cache=out / "cache",
            checkpoints=out / "checkpoints",
            estimator="nlf",
            weights=weights,
            device="cpu",
            nlf=NlfOptions(num_aug=1, batch_size=2),
        )
        return (out / "predictions.xz").read_bytes()

    expected = run(tmp_path / "whole", np.inf)
    whole = len(done)
    assert whole == N // 2
    done.clear()
    for most in (5, 1, 3):
        with contextlib.suppress(StoppedError):
            run(tmp_path / "stopped", most)
    assert not (tmp_path / "stopped" / "predictions.xz").exists()
    assert run(tmp_path / "stopped", np.inf) == expected
    assert len(done) <= whole + 3 * 1 + 3, "half blocks and the calls that failed"
