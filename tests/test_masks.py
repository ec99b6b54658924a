import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rlemasklib import RLEMask

from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.masks import MaskTracks


def some_tracks() -> MaskTracks:
    rng = np.random.default_rng(0)
    masks = [[RLEMask.from_array((rng.random((36, 64)) < 0.3).astype(np.uint8)) for _ in range(3)] for _ in range(2)]
    return MaskTracks((64, 36), 25.0, 3, (4, 1), ((masks[0][0], None, masks[0][2]), tuple(masks[1])))


def test_tracks_come_back_pixel_for_pixel(tmp_path: Path):
    tracks = some_tracks()
    tracks.save(tmp_path / "masks.json")
    loaded = MaskTracks.load(tmp_path / "masks.json")
    assert (loaded.size_px, loaded.fps, loaded.n_frames, loaded.person_ids) == ((64, 36), 25.0, 3, (4, 1))
    for track, loaded_track in zip(tracks.masks, loaded.masks, strict=True):
        for mask, loaded_mask in zip(track, loaded_track, strict=True):
            if mask is None:
                assert loaded_mask is None
            else:
                assert loaded_mask is not None
                np.testing.assert_array_equal(loaded_mask.to_array(), mask.to_array())


def test_nobody_is_a_valid_file(tmp_path: Path):
    MaskTracks((64, 36), 25.0, 3, (), ()).save(tmp_path / "masks.json")
    loaded = MaskTracks.load(tmp_path / "masks.json")
    assert loaded.boxes_px.shape == (0, 3, 4)
    assert loaded.visible.shape == (0, 3)


def test_boxes_are_those_of_the_pixels():
    image = np.zeros((36, 64), np.uint8)
    image[10:20, 30:33] = 1
    tracks = MaskTracks((64, 36), 25.0, 2, (1,), ((RLEMask.from_array(image), None),))
    np.testing.assert_array_equal(tracks.boxes_px[0, 0], [30, 10, 3, 10])
    assert np.isnan(tracks.boxes_px[0, 1]).all()
    np.testing.assert_array_equal(tracks.visible, [[True, False]])


def test_another_json_file_is_refused(tmp_path: Path):
    path = tmp_path / "masks.json"
    path.write_text('{"annotations": []}')
    with pytest.raises(ArtefactError, match=r"masks\.json"):
        MaskTracks.load(path)


def test_tracks_from_a_file_behave_like_tuples_of_masks(tmp_path: Path):
    tracks = some_tracks()
    tracks.save(tmp_path / "masks.json")
    loaded = MaskTracks.load(tmp_path / "masks.json")
    assert loaded.masks == tracks.masks and tracks.masks == tuple(map(tuple, loaded.masks))
    assert loaded.masks[0] != loaded.masks[1] and loaded.masks[0][1:] == tracks.masks[0][1:]
    assert loaded.masks[1][-1] == tracks.masks[1][-1] and list(loaded.masks[0]) == list(tracks.masks[0])
    np.testing.assert_array_equal(loaded.visible, tracks.visible)
    np.testing.assert_array_equal(loaded.boxes_px, tracks.boxes_px)
    assert loaded.union_at(0) == tracks.union_at(0)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "masks.json").read_bytes()


def test_the_file_is_what_other_readers_of_the_layout_expect(tmp_path: Path):
    tracks = some_tracks()
    tracks.save(tmp_path / "masks.json")
    values = json.loads((tmp_path / "masks.json").read_text())
    assert values["videos"] == [{"id": 1, "width": 64, "height": 36, "length": 3, "fps": 25.0}]
    for annotation, person_id, track in zip(values["annotations"], tracks.person_ids, tracks.masks, strict=True):
        assert annotation["id"] == person_id and annotation["category_id"] == 1
        rows = zip(track, *(annotation[name] for name in ("segmentations", "bboxes", "areas")), strict=True)
        for mask, rle, box, area in rows:
            if mask is None:
                assert rle is box is area is None
            else:
                assert RLEMask.from_dict(rle) == mask and area == mask.area() and box == mask.bbox().tolist()


def test_rows_are_found_whether_masks_are_kept_encoded_or_not(tmp_path: Path):
    detected = some_tracks()
    first, second = detected.masks
    swapped = replace(detected, masks=((*second[:1], *first[1:]), (*first[:1], *second[1:])))
    swapped.save(tmp_path / "masks.json")
    expected = [[1, -1, 0], [0, 1, 1]]
    for tracks in (swapped, MaskTracks.load(tmp_path / "masks.json")):
        np.testing.assert_array_equal(tracks.rows_in(detected), expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"length"', '"frames"'),
        ('"segmentations"', '"masks"'),
        ('"format_version": 1', '"format_version": 2'),
        ("36,", "37,"),
        ('"areas"', ""),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str):
    path = tmp_path / "masks.json"
    some_tracks().save(path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ArtefactError, match=r"masks\.json is not a mask file"):
        MaskTracks.load(path)
