"""What the camera may rely on in the mask of all people, whichever backend makes it."""

import numpy as np
import pytest
from rlemasklib import RLEMask
from scipy.ndimage import distance_transform_edt
from standins.deeplabv3 import write_weights

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantic_masks import semantic_masks
from nlf_pipeline.semantics import make_people_masker
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.video import writing_video

BACKENDS = ("union", "deeplabv3")
OPTIONS = DeepLabOptions(input_size=64, batch_size=3)
SIZE_PX = (96, 64)
FPS = 25.0


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The folder of the weights."""
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / "deeplabv3_resnet101_coco-586e9e4e.pth")
    return folder


@pytest.fixture(scope="module", params=BACKENDS)
def masker(request, weights):
    return make_people_masker(request.param, 0.0, OPTIONS, weights, "cpu")


def grey(n_frames, size_px=SIZE_PX):
    return [np.full((*size_px[::-1], 3), 100, np.uint8)] * n_frames


def box(left, top, size_px=SIZE_PX, width=10, height=16):
    mask = np.zeros(size_px[::-1], np.uint8)
    mask[top : top + height, left : left + width] = 1
    return RLEMask.from_array(mask)


def tracks(n_frames, *rows, size_px=SIZE_PX):
    return MaskTracks(size_px, FPS, n_frames, tuple(range(1, len(rows) + 1)), tuple(map(tuple, rows)))


def pixels(mask):
    return mask.to_array().astype(bool)


@pytest.mark.parametrize("size_px", [SIZE_PX, (53, 37), (40, 90)])
@pytest.mark.parametrize("n_frames", [1, 4])
def test_one_row_at_the_clips_size_with_a_mask_in_every_frame(masker, size_px, n_frames):
    nobody = tracks(n_frames, size_px=size_px)
    people = masker.mask_people(grey(n_frames, size_px), [nobody, nobody])
    assert (people.size_px, people.fps, people.n_frames, people.person_ids) == (size_px, FPS, n_frames, (0,))
    assert people.visible.shape == (1, n_frames) and people.visible.all()
    assert all(mask.shape == size_px[::-1] for mask in people.masks[0])


def test_without_people_nothing_is_marked(masker):
    people = masker.mask_people(grey(3), [tracks(3), tracks(3)])
    assert not any(mask.any() for mask in people.masks[0])


def test_everybody_who_is_tracked_is_marked_where_he_is(masker):
    walker = [box(10 + 8 * t, 20) for t in range(4)]
    bystander = [None, box(70, 40), box(70, 40), None]
    people = masker.mask_people(grey(4), [tracks(4, walker), tracks(4, bystander)])
    for t, mask in enumerate(people.masks[0]):
        assert pixels(mask)[pixels(walker[t])].all()
        assert bystander[t] is None or pixels(mask)[pixels(bystander[t])].all()
        assert pixels(mask).mean() < 0.3


def test_a_person_missed_for_a_moment_stays_marked(masker):
    walker = [box(10 + 6 * t, 20) for t in range(8)]
    seen = [None if 3 <= t < 5 else mask for t, mask in enumerate(walker)]
    people = masker.mask_people(grey(8), [tracks(8, seen), tracks(8)])
    assert all(pixels(mask)[pixels(true)].all() for mask, true in zip(people.masks[0], walker, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_margin_surrounds_everybody_and_the_file_comes_back(backend, weights, tmp_path):
    walker = [box(20 + 8 * t, 20) for t in range(3)]
    paths = {name: tmp_path / f"{name}.json" for name in ("masks", "bystanders", "out")}
    tracks(3, walker).save(paths["masks"])
    tracks(3).save(paths["bystanders"])
    clip = tmp_path / "clip.mp4"
    with writing_video(clip, FPS) as sink:
        for frame in grey(3):
            sink.append_data(frame)
    semantic_masks(
        video=clip, **paths, semantics=backend, dilation=0.05, deeplabv3=OPTIONS, weights=weights, device="cpu"
    )
    for mask, true in zip(MaskTracks.load(paths["out"]).masks[0], walker, strict=True):
        distance = distance_transform_edt(~pixels(true))
        assert pixels(mask)[distance <= 4].all() and not pixels(mask)[distance > 7].any()
