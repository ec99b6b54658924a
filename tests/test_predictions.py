from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.predictions import FramePredictions, Predictions, writing_predictions


def frames(n_people: int, n: int = 4) -> list[FramePredictions]:
    rng = np.random.default_rng(1)
    return [
        FramePredictions(
            vertices=rng.normal(size=(n_people, 50, 3)) + [0, 0, 4],
            joints=rng.normal(size=(n_people, 24, 3)) + [0, 0, 4],
            vertex_uncertainties=rng.uniform(0.01, 0.3, (n_people, 50)),
            joint_uncertainties=rng.uniform(0.01, 0.3, (n_people, 24)),
            valid=rng.random(n_people) < 0.7,
        )
        for _ in range(n)
    ]


@pytest.mark.parametrize("n_people", [0, 1, 3])
def test_predictions_come_back_in_metres_to_half_a_millimetre(tmp_path: Path, n_people: int):
    written = frames(n_people)
    path = tmp_path / "predictions.xz"
    with writing_predictions(path, np.arange(n_people) + 5, 25.0, len(written)) as sink:
        for frame in written:
            sink.append(frame)
    read = Predictions.open(path)
    assert (read.person_ids.tolist(), read.fps, read.n_frames) == ([5 + k for k in range(n_people)], 25.0, 4)
    for frame, expected in zip(read, written, strict=True):
        np.testing.assert_allclose(frame.vertices, expected.vertices, atol=0.0003)
        np.testing.assert_allclose(frame.joints, expected.joints, atol=0.0003)
        np.testing.assert_allclose(frame.vertex_uncertainties, expected.vertex_uncertainties, atol=0.0006)
        np.testing.assert_allclose(frame.joint_uncertainties, expected.joint_uncertainties, atol=0.0006)
        np.testing.assert_array_equal(frame.valid, expected.valid)


@pytest.mark.parametrize("useless", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("field", ["vertices", "joints", "vertex_uncertainties", "joint_uncertainties"])
def test_useless_numbers_make_only_their_estimate_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, useless: float, field: str
):
    path, written = tmp_path / "predictions.xz", [replace(f, valid=np.ones(3, bool)) for f in frames(3)]
    getattr(written[2], field)[1, 7] = useless
    with writing_predictions(path, np.arange(3), 25.0, len(written)) as sink:
        for frame in written:
            sink.append(frame)
    read = list(Predictions.open(path))
    assert [frame.valid.tolist() for frame in read] == [[True] * 3, [True] * 3, [True, False, True], [True] * 3]
    assert not read[2].vertices[1].any()
    np.testing.assert_allclose(read[2].joints[[0, 2]], written[2].joints[[0, 2]], atol=0.0003)
    assert [record.message.count("1 estimates") for record in caplog.records] == [1]


def test_an_error_leaves_no_file(tmp_path: Path):
    path = tmp_path / "predictions.xz"
    with pytest.raises(RuntimeError), writing_predictions(path, np.arange(1), 25.0, 4) as sink:
        sink.append(frames(1)[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"hello, this is text"])
def test_damaged_file_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "predictions.xz"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"predictions\.xz"):
        Predictions.open(path)
