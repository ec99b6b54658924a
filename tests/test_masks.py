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
