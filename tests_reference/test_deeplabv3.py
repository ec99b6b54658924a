"""torchvision's real DeepLabV3 on weights of the published layout that take for a person what is bright."""

import numpy as np
import pytest
import torch
from rlemasklib import RLEMask
from scipy.ndimage import distance_transform_edt
from standins.deeplabv3 import PERSON, write_weights
from torchvision.models.segmentation import DeepLabV3_ResNet101_Weights, deeplabv3_resnet50, deeplabv3_resnet101

from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantic_masks import semantic_masks
from nlf_pipeline.semantics.deeplabv3 import DeepLabPeopleMasker, load_deeplab
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.video import writing_video

PUBLISHED = DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1
FILE = "deeplabv3_resnet101_coco-586e9e4e.pth"
CPU = torch.device("cpu")
SIZE_PX = (96, 64)
STRIDE_PX = 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The folder of the weights."""
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / FILE)
    return folder


@pytest.fixture
def masker(weights):
    return DeepLabPeopleMasker(weights / FILE, CPU, 0.0, DeepLabOptions(input_size=64))


def disc(x_px, y_px, radius_px, size_px=SIZE_PX):
    """(height, width) bool."""
    x, y = np.meshgrid(np.arange(size_px[0]), np.arange(size_px[1]))
    return (x - x_px) ** 2 + (y - y_px) ** 2 <= radius_px**2


def bright(inside):
    """A dark picture that is bright inside."""
    return np.where(inside[..., None], 220, 30).repeat(3, axis=-1).astype(np.uint8)


def tracks(n_frames, *rows, size_px=SIZE_PX):
    return MaskTracks(size_px, 25.0, n_frames, tuple(range(1, len(rows) + 1)), tuple(map(tuple, rows)))


def pixels(mask):
    return mask.to_array().astype(bool)


def row(people):
    return [pixels(mask) for mask in people.masks[0]]


def test_the_layout_is_the_published_one(weights):
    values = torch.load(weights / FILE, weights_only=True)
    network = deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True)
    network.load_state_dict(values, strict=True)
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED.meta["num_params"] == 60_996_202
    assert (weights / FILE).stat().st_size / 2**20 == pytest.approx(PUBLISHED.meta["_file_size"], rel=1e-3)
    assert PUBLISHED.url.endswith(FILE)
    assert PUBLISHED.meta["categories"][PERSON] == "person"
    with pytest.raises(ValueError, match="aux_loss"):  # torchvision knows that the file has the auxiliary head
        deeplabv3_resnet101(weights=PUBLISHED, aux_loss=False)


def test_masks_are_those_of_the_network_as_torchvision_uses_it(weights):
    network = deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True).eval()
    network.load_state_dict(torch.load(weights / FILE, weights_only=True))
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 256, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    prepared = PUBLISHED.transforms(resize_size=96)(torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1))
    with torch.inference_mode():
        people = network(prepared[None])["out"].softmax(dim=1)[0, PERSON].numpy()
    ours = DeepLabPeopleMasker(weights / FILE, CPU, 0.0, DeepLabOptions(input_size=96))
    at_its_size = people.shape[::-1]
    found = row(ours.mask_people([picture], [tracks(1, size_px=at_its_size)]))[0]
    assert 0.1 < found.mean() < 0.9
    np.testing.assert_array_equal(found, people >= 0.2)


@pytest.mark.parametrize("size_px", [(160, 120), (75, 107)])
def test_people_are_marked_where_they_are_at_the_clips_size(weights, size_px):
    width_px, height_px = size_px
    inside = disc(0.6 * width_px, 0.4 * height_px, 0.25 * height_px, size_px)
    masker = DeepLabPeopleMasker(weights / FILE, CPU, 0.0, DeepLabOptions(input_size=128))
    found = row(masker.mask_people([bright(inside)], [tracks(1, size_px=size_px)]))[0]
    assert found.shape == inside.shape
    stride_px = STRIDE_PX * min(size_px) / 128
    assert found[distance_transform_edt(inside) > stride_px].all()
    assert not found[distance_transform_edt(~inside) > 2 * stride_px].any()


def test_what_is_tracked_is_marked_too_and_all_of_it_with_a_margin(weights):
    seen, tracked, bystander = disc(70, 30, 10), disc(15, 20, 6), disc(20, 52, 5)
    known = [tracks(1, [RLEMask.from_array(mask.astype(np.uint8))]) for mask in (tracked, bystander)]
    options = DeepLabOptions(input_size=64)
    narrow, wide = (
        row(DeepLabPeopleMasker(weights / FILE, CPU, dilation, options).mask_people([bright(seen)], known))[0]
        for dilation in (0.0, 0.05)
    )
    assert narrow[tracked].all() and narrow[bystander].all() and narrow[disc(70, 30, 6)].all()
    assert not narrow[distance_transform_edt(~(seen | tracked | bystander)) > 3 * STRIDE_PX].any()
    distance = distance_transform_edt(~narrow)
    assert wide[distance <= 4].all() and not wide[distance > 6].any()


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_frames_keep_their_order_in_batches_of_any_size(weights, batch_size):
    discs = [disc(15 + 16 * t, 32, 10) for t in range(5)]
    masker = DeepLabPeopleMasker(weights / FILE, CPU, 0.0, DeepLabOptions(input_size=64, batch_size=batch_size))
    found = row(masker.mask_people(map(bright, discs), [tracks(5)]))
    for inside, mask in zip(discs, found, strict=True):
        assert mask[distance_transform_edt(inside) > 6].all()
        assert not mask[distance_transform_edt(~inside) > 2 * STRIDE_PX].any()


def limit_memory(masker, monkeypatch, most):
    """Let the network refuse more than `most` frames at once; returns how many it was given each time."""
    given, forward = [], masker._network.forward

    def limited(images):
        given.append(len(images))
        if len(images) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(images)

    monkeypatch.setattr(masker._network, "forward", limited)
    return given


def test_without_room_for_a_batch_half_of_it_is_tried(masker, monkeypatch):
    discs = [disc(15 + 16 * t, 32, 10) for t in range(5)]
    expected = row(masker.mask_people(map(bright, discs), [tracks(5)]))
    given = limit_memory(masker, monkeypatch, most=1)
    found = row(masker.mask_people(map(bright, discs), [tracks(5)]))
    assert given == [4, 2, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(found, expected)


def test_without_room_for_one_frame_the_user_is_told(masker, monkeypatch):
    limit_memory(masker, monkeypatch, most=0)
    with pytest.raises(UserError, match=r"memory does not suffice.*semantics=union"):
        masker.mask_people([bright(disc(15, 32, 10))], [tracks(1)])


def test_a_clip_shorter_than_its_tracks_is_refused(masker):
    with pytest.raises(ArtefactError, match="has 1 frames, but its masks 2"):
        masker.mask_people([bright(disc(15, 32, 10))], [tracks(2)])


def test_weights_of_another_network_are_refused(weights, tmp_path):
    torch.save(deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=True).state_dict(), tmp_path / "50")
    with pytest.raises(UserError, match=r"not the weights of DeepLabV3-ResNet101.*255 missing.*backbone\.layer3\.6"):
        load_deeplab(tmp_path / "50")
    values = torch.load(weights / FILE, weights_only=True)
    torch.save({key: value for key, value in values.items() if "aux" not in key}, tmp_path / "headless")
    with pytest.raises(UserError, match=r"missing \(aux_classifier\.0\.weight"):
        load_deeplab(tmp_path / "headless")


def run_stage(folder, **options):
    paths = {name: folder / f"{name}.json" for name in ("masks", "bystanders", "out")}
    tracks(3).save(paths["masks"])
    tracks(3).save(paths["bystanders"])
    clip = folder / "clip.mp4"
    with writing_video(clip, 25.0) as sink:
        for t in range(3):
            sink.append_data(bright(disc(20 + 25 * t, 32, 12)))
    semantic_masks(video=clip, **paths, semantics="deeplabv3", device="cpu", **options)
    return MaskTracks.load(paths["out"])


def test_the_stage_marks_people_whom_nobody_tracked(weights, tmp_path):
    options = DeepLabOptions(input_size=64, batch_size=2)
    people = run_stage(tmp_path, weights=weights, deeplabv3=options, dilation=0.0)
    assert people.person_ids == (0,) and people.n_frames == 3 and people.size_px == SIZE_PX
    for t, mask in enumerate(row(people)):
        assert mask[disc(20 + 25 * t, 32, 6)].all() and mask.mean() < 0.5


def test_without_weights_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match=f"{FILE}: not found"):
        run_stage(tmp_path, weights=tmp_path)
    assert not (tmp_path / "out.json").exists()
