"""STCN's real network on weights of the published layout, beside stcnbuf's own way of using it."""

import urllib.request

import cv2
import numpy as np
import pytest
import torch
from rlemasklib import RLEMask
from standins import maskrcnn as maskrcnn_standin
from standins.stcn import LAYOUT, random_tensors, read_layout, write_weights
from stcnbuf import morph
from stcnbuf.model import eval_network, mod_resnet, modules

from nlf_pipeline.artefacts import IdentityDoubts, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segment import segment
from nlf_pipeline.segmenters import PeopleChoice
from nlf_pipeline.segmenters.propagation.masks import clean_mask
from nlf_pipeline.segmenters.propagation.network import StcnPropagator, build_network, load_network, propagators
from nlf_pipeline.segmenters.propagation.seams import Detection, Models
from nlf_pipeline.segmenters.stcn import StcnSegmenter
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.video import read_frames, writing_video

CPU = torch.device("cpu")
SIZE_PX = (112, 72)
NOBODY = np.zeros((0, *SIZE_PX[::-1]), bool)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / "stcn.pth")
    maskrcnn_standin.write_weights(folder / "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth")
    return folder


@pytest.fixture(scope="module")
def network(weights):
    return load_network(weights / "stcn.pth", CPU)


@pytest.fixture(scope="module")
def noisy_network():
    network = build_network()
    network.load_state_dict(random_tensors(read_layout(LAYOUT), 3))
    return network.requires_grad_(False)


def propagator(network, size_px=SIZE_PX, **options):
    return StcnPropagator(network, StcnOptions(**options), size_px, CPU)


def walkers(t, size_px=SIZE_PX):
    """A frame with a red and a blue rectangle, and their masks."""
    width_px, height_px = size_px
    grain = np.random.default_rng(0).integers(60, 120, (height_px // 8, width_px // 8, 3), dtype=np.uint8)
    image = cv2.resize(grain, size_px, interpolation=cv2.INTER_CUBIC)
    masks = np.zeros((2, height_px, width_px), bool)
    for mask, left, colour in ((masks[0], 0.1, (250, 40, 40)), (masks[1], 0.65, (30, 60, 250))):
        first = round(left * width_px) + (2 * t if left < 0.5 else -t)
        mask[height_px // 4 : 3 * height_px // 4, first : first + width_px // 4] = True
        image[mask] = colour
    masks[0] &= ~masks[1]
    return image, masks


def noise(seed, size_px=SIZE_PX):
    return np.random.default_rng(seed).integers(0, 255, (*size_px[::-1], 3), dtype=np.uint8)


# --- weights


def test_the_network_has_the_published_layout():
    layout = {name: tuple(tensor.shape) for name, tensor in build_network().state_dict().items()}
    assert layout == read_layout(LAYOUT)


def test_building_downloads_nothing_and_leaves_stcnbuf_as_it_was(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(mod_resnet.model_zoo, "load_url", refuse)
    before = mod_resnet.resnet18, modules.models
    build_network()
    assert (mod_resnet.resnet18, modules.models) == before
    with pytest.raises(AssertionError, match="opened"):
        eval_network.STCN()


def test_wrong_weights_are_refused(weights, tmp_path):
    with pytest.raises(UserError, match="not the weights of STCN"):
        load_network(weights / "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", CPU)
    with pytest.raises(UserError, match="not found"):
        load_network(tmp_path / "stcn.pth", CPU)
    (tmp_path / "stcn.pth").write_bytes((weights / "stcn.pth").read_bytes()[:100_000])
    with pytest.raises(UserError, match="cannot be read as weights of STCN"):
        load_network(tmp_path / "stcn.pth", CPU)


# --- the loop


@pytest.mark.parametrize("memory_every", [1, 3])
@pytest.mark.parametrize("burn_in", [False, True])
def test_agrees_with_stcnbufs_own_loop(noisy_network, monkeypatch, burn_in, memory_every):
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    match = eval_network.MemoryBank.match_memory  # whose result it cannot use as it is for batches on a CPU
    monkeypatch.setattr(eval_network.MemoryBank, "match_memory", lambda self, key: match(self, key).contiguous())
    _, masks = walkers(0)
    frames = [noise(seed) for seed in range(13)]
    theirs = eval_network.STCNInference(noisy_network, 4, 2, 20, None)
    ours = propagator(noisy_network, memory_frames=4, recent_frames=2, batch_size=memory_every)
    expected = []
    with torch.inference_mode():
        torch.manual_seed(5)
        theirs.initialize(frames[0], torch.as_tensor(masks, dtype=torch.float32))
        for frame in frames[1:7] if burn_in else []:
            theirs.predict_batch(theirs.im_transform(frame)[None])
        for start in range(7, 13, memory_every):
            batch = torch.stack([theirs.im_transform(frame) for frame in frames[start : start + memory_every]])
            expected += list(theirs.predict_batch(batch, is_temp=burn_in).argmax(dim=0).numpy())
    torch.manual_seed(5)
    ours.start(frames[0], masks, NOBODY)
    if burn_in:
        ours.burn_in(frames[1:7])
    got = [
        labels for start in range(7, 13, memory_every) for labels in ours.follow(frames[start : start + memory_every])
    ]
    assert len(np.unique(expected)) == 3
    np.testing.assert_array_equal(expected, got)
    (bank,) = ours.banks
    for name in ("mem_k", "mem_v", "temp_k", "temp_v"):
        torch.testing.assert_close(getattr(bank, name), getattr(theirs.memory_bank, name), rtol=1e-3, atol=1e-3)


def test_batches_change_nothing(noisy_network):
    frames = [noise(seed) for seed in range(6)]
    found = []
    for batch_size in (1, 2, 8):
        ours = propagator(noisy_network, batch_size=batch_size)
        ours.start(frames[0], walkers(0)[1], NOBODY)
        found.append(np.concatenate([ours.follow(frames[1:4]), ours.follow(frames[4:])]))
    assert all(np.mean(labels == found[0]) > 0.999 for labels in found[1:])


def test_memory_is_bounded(network):
    ours = propagator(network, memory_frames=3, recent_frames=2)
    image, masks = walkers(0)
    ours.start(image, masks, NOBODY)
    places = 7 * 5
    for t in range(5):
        ours.follow([walkers(t)[0]])
    ours.burn_in(walkers(t)[0] for t in range(4))
    for t in range(5):
        ours.follow([walkers(t)[0]])
    assert ours.banks[0].mem_k.shape[2] == ours.banks[0].mem_v.shape[2] == 3 * places
    assert ours.banks[0].temp_k.shape[2] == ours.banks[0].temp_v.shape[2] == 2 * places


@pytest.mark.parametrize("recent_frames", [0, 1])
def test_few_recent_frames(network, recent_frames):
    ours = propagator(network, recent_frames=recent_frames)
    image, masks = walkers(0)
    ours.start(image, masks, NOBODY)
    ours.burn_in([image])
    labels = [ours.follow([walkers(t)[0]])[0] for t in range(3)]
    assert all(set(np.unique(found)) == {0, 1, 2} for found in labels)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("size_px", [(256, 160), (160, 240)])
def test_coloured_things_are_followed_and_kept_apart(network, size_px):
    image, masks = walkers(0, size_px)
    ours = propagator(network, size_px)
    ours.start(image, masks, np.zeros((0, *size_px[::-1]), bool))
    for t in range(1, 5):
        image, masks = walkers(4 * t, size_px)
        (labels,) = ours.follow([image])
        for k, mask in enumerate(masks):
            assert overlap(labels == k + 1, mask) > 0.35 > 0.1 > overlap(labels == 2 - k, mask)


def test_label_maps_have_the_clips_size(network):
    image, masks = walkers(0)
    ours = propagator(network, (300, 200))
    ours.start(image, masks, NOBODY)
    assert ours.follow([image]).shape == (1, 200, 300)


def test_who_is_found_later_is_numbered_on_and_competes(network):
    image, masks = walkers(0)
    ours = propagator(network)
    ours.start(image, masks[:1], NOBODY)
    assert set(np.unique(ours.follow([image]))) == {0, 1}
    ours.start(image, masks[1:], masks[:1])
    assert len(ours.banks) == 2
    for _ in range(4):  # each remembers its own people's values
        (labels,) = ours.follow([image])
        for k, mask in enumerate(masks):
            assert (labels[mask] == k + 1).sum() > 2 * (labels[mask] == 2 - k).sum()


def test_what_is_others_is_not_taken(network):
    image, masks = walkers(0)
    ours = propagator(network)
    ours.start(image, masks[:1], masks[1:])
    taken = np.zeros((2, *SIZE_PX[::-1]), bool)
    taken[:, :, : SIZE_PX[0] // 3] = True
    labels = ours.follow([image, image], taken)
    assert (ours.follow([image])[0] > 0).any() and not labels[taken].any()


def test_pictures_of_one_place(network):
    ours = propagator(network, (16, 16))
    masks = np.ones((1, 16, 16), bool)
    ours.start(noise(0, (16, 16)), masks, masks[:0])
    assert ours.follow([noise(1, (16, 16))]).shape == (1, 16, 16)


def test_cleaning_is_stcnbufs():
    for seed in range(20):
        blot = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(90, 120)), (0, 0), 4)
        mask = RLEMask.from_array((blot > 0.05).astype(np.uint8))
        assert (clean_mask(mask) == morph.process_mask_inplace(mask.copy())) and mask.any()


# --- the stage


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    with writing_video(folder / "clip.mp4", 10.0) as sink:
        for t in range(6):
            sink.append_data(walkers(t, (160, 96))[0])
    VideoFacts("clip", 160, 96, 10.0, 6, cuts=[4]).save(folder / "video.json")
    return folder


def run(clip, weights, out):
    segment(
        video=clip / "clip.mp4",
        video_facts=clip / "video.json",
        out=out / "masks.json",
        bystanders_out=out / "bystanders.json",
        doubts_out=out / "doubts.json",
        segmenter="stcn",
        max_persons=2,
        stcn=StcnOptions(resolution=64, detector_resolution=64, redetect_every=0.3, memory_frames=3),
        weights=weights,
        device="cpu",
    )
    return MaskTracks.load(out / "masks.json")


def test_the_stage_runs_and_repeats_itself(clip, weights, tmp_path):
    first = run(clip, weights, tmp_path / "a")
    torch.rand(3)
    again = run(clip, weights, tmp_path / "b")
    assert first.size_px == (160, 96) and first.n_frames == 6 and len(first.person_ids) >= 2
    assert first.visible[:, :4].any() and first.visible[:, 4:].any()
    assert not (first.visible[:, :4].any(axis=1) & first.visible[:, 4:].any(axis=1)).any()
    for name in ("masks.json", "bystanders.json", "doubts.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    IdentityDoubts.load(tmp_path / "a" / "doubts.json")
    assert len(again.person_ids) == len(first.person_ids)


class BlueAndRedDetector:
    """Finds the rectangles of `walkers`."""

    def detect(self, image):
        pixels = [image[..., 0] > 190, image[..., 2] > 190]
        return [Detection(RLEMask.from_array(mask.astype(np.uint8)), 0.9) for mask in pixels if mask.sum() > 50]


def test_a_newcomer_is_followed_from_his_first_frame_to_his_last(network, tmp_path):
    """Found at frame 8, he is looked for in earlier frames too; the network follows him by his colour."""
    present = range(6, 12)
    with writing_video(tmp_path / "clip.mp4", 10.0) as sink:
        for t in range(15):
            image, (_, blue) = walkers(0, (160, 96))
            image[blue & (t not in present)] = 100
            sink.append_data(image)
    options = StcnOptions(passes=1, resolution=96, redetect_every=0.8, memory_frames=6)
    models = Models(BlueAndRedDetector(), propagators(network, options, (160, 96), CPU))
    people = StcnSegmenter(options, lambda size_px: models).segment(
        read_frames(tmp_path / "clip.mp4"), VideoFacts("clip", 160, 96, 10.0, 15), PeopleChoice(6, (), 2)
    )
    seen = {tuple(np.flatnonzero(row)) for row in people.followed.visible}
    assert seen == {tuple(range(15)), tuple(present)}


def test_missing_weights_are_said_and_nothing_is_written(clip, tmp_path):
    with pytest.raises(UserError, match=r"stcn.*not found|not found.*STCN"):
        run(clip, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
