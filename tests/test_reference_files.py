"""The reference pipeline's files: what is written is read again, and what could harm is refused."""

import copyreg
import functools
import io
import lzma
import os
import pickle
import struct
import sys
import types
import zlib
from pathlib import Path

import bodycompress
import deltacamera
import msgpack_numpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, look_at, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.reference_files import body_stream, restricted_pickles
from nlf_pipeline.reference_files.body_stream import read_frames_of, read_header
from nlf_pipeline.reference_files.pickled_arrays import as_array
from nlf_pipeline.reference_files.pickled_cameras import read_cameras, write_cameras
from nlf_pipeline.reference_files.pickled_fits import read_fits, write_ground
from nlf_pipeline.reference_files.pickled_masks import read_masks, write_masks
from nlf_pipeline.reference_files.restricted_pickles import read_pickle

SIZE_PX = (64, 48)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def put(path: Path, value: object, protocol: int = pickle.DEFAULT_PROTOCOL) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


@settings(max_examples=60, deadline=None)
@given(
    array=arrays(
        st.sampled_from(["<f4", "<f8", ">f4", "<i8", "|u1", "|b1", "<f2"]), array_shapes(min_dims=0, min_side=0)
    ),
    protocol=st.sampled_from([2, 3, 4, 5]),
    in_columns=st.booleans(),
)
def test_arrays_of_any_shape_and_protocol_come_back(tmp_path_factory, array, protocol, in_columns):
    array = np.asfortranarray(array) if in_columns else array
    path = put(tmp_path_factory.mktemp("a") / "a.pkl", {"a": array, "b": [1, "x", None, 2.5]}, protocol)
    found = read_pickle(path, "anything")
    np.testing.assert_array_equal(as_array(found["a"]), array)
    assert found["b"] == [1, "x", None, 2.5]


def test_numbers_of_numpy_and_lists_of_numbers_are_arrays(tmp_path):
    found = read_pickle(
        put(tmp_path / "a.pkl", [np.float32(1.5), np.int64(3), (0, -1, 0), [[1, 2], [3, 4]]]), "numbers"
    )
    assert [as_array(value).tolist() for value in found] == [1.5, 3, [0, -1, 0], [[1, 2], [3, 4]]]


class Calls:
    """Pickled as a call."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


HARMFUL = {
    "command": (Calls(os.system, "touch hurt"), "posix.system"),
    "eval": (Calls(eval, "open('hurt', 'w')"), "builtins.eval"),
    "attribute": (Calls(getattr, "text", "join"), "builtins.getattr"),
    "import": (Calls(__import__, "os"), "builtins.__import__"),
    "partial": (Calls(functools.partial, print), "functools.partial"),
    "registry": (Calls(copyreg.add_extension, "os", "system", 7), "copyreg.add_extension"),
    "file": (Calls(np.load, "other.npy"), "numpy"),
    "dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
    "nested pickle": (Calls(pickle.loads, pickle.dumps(1)), "_pickle.loads"),
    "our own": (b"cnlf_pipeline.errors\nUserError\n.", "nlf_pipeline.errors.UserError"),
    "persistent object": (b"Pos.system\n.", "PERSID"),
    "extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "old instance": (b"(ios\nsystem\n.", "INST"),
    "old object": (b"(cnumpy\nndarray\no.", "OBJ"),
    "memory": (b"\x80\x02]r\xff\xff\xff\xff.", "4294967295"),
    "promised bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.", "bytes"),
    "promised frame": (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.", "less than it says"),
    "sets": (b"\x80\x04\x8f.", "EMPTY_SET"),
    "cut off": (pickle.dumps(list(range(1000)))[:-10], "expected"),
    "no pickle": (b"PK\x03\x04", "expected"),
    "nothing": (b"", "expected"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_and_damaged_pickles_are_refused_and_do_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    harm, found = HARMFUL[name]
    path = put(tmp_path / "x.pkl", harm if isinstance(harm, bytes) else [{"size": harm}])
    with pytest.raises(UserError) as error:
        read_pickle(path, "something harmless")
    assert found in str(error.value) and str(path) in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["x.pkl"]


LYING_ARRAYS = {
    "huge shape": Calls(np.core.multiarray._reconstruct, np.ndarray, (0,), b"b",
                        state=(1, (2**40,), np.dtype("f4"), False, b"1234")),
    "negative shape": Calls(np.core.multiarray._reconstruct, np.ndarray, (0,), b"b",
                            state=(1, (-1,), np.dtype("f4"), False, b"1234")),
    "too few bytes": Calls(np.core.multiarray._reconstruct, np.ndarray, (0,), b"b",
                           state=(1, (2,), np.dtype("f4"), False, b"1234")),
    "objects": np.array([{"a": 1}], dtype=object),
    "records": np.zeros(2, dtype=[("a", "f4")]),
    "text": np.array(["a"]),
    "never filled": Calls(np.core.multiarray._reconstruct, np.ndarray, (2**40,), b"b"),
}  # fmt: skip


@pytest.mark.parametrize("name", LYING_ARRAYS)
def test_arrays_that_are_not_what_they_say_are_refused(tmp_path, name):
    path = put(tmp_path / "fits.pkl", [fits_frame([(1, 1)]) | {"trans": LYING_ARRAYS[name]}], 2)
    with pytest.raises(UserError, match=r"found .*, expected fits"):
        read_fits(path)


def test_pickle_larger_than_any_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(restricted_pickles, "LARGEST_BYTES", 100)
    with pytest.raises(UserError, match="GiB"):
        read_pickle(put(tmp_path / "x.pkl", list(range(1000))), "little")


def test_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(UserError, match="not found, expected masks"):
        read_masks(tmp_path / "x.pkl", 25.0)


# --- masks ---


def blob(x, y):
    return RLEMask.from_bbox([x, y, 6, 9], imsize=SIZE_PX)


def some_tracks():
    first, second = [blob(3, 4), None, blob(5, 4)], [None, None, blob(30, 20)]
    return MaskTracks(SIZE_PX, 25.0, 3, (1, 2), (first, second))


@pytest.mark.parametrize("tracks", [some_tracks(), MaskTracks(SIZE_PX, 25.0, 3, (), ())])
def test_masks_come_back(tmp_path, tracks):
    write_masks(tracks, tmp_path / "masks.pkl")
    found = read_masks(tmp_path / "masks.pkl", 25.0)
    assert found.person_ids == tracks.person_ids and found.n_frames == tracks.n_frames
    assert all(a == b for a, b in zip(found.masks, tracks.masks, strict=True))
    plain = pickle.loads((tmp_path / "masks.pkl").read_bytes())
    assert [len(frame) for frame in plain] == [len(tracks.person_ids)] * 3


def test_masks_as_rlemasklib_packs_them_are_read(tmp_path):
    mask = blob(3, 4)
    frames = [[mask.to_dict(zlevel=-1)], [mask.to_dict()], [RLEMask.zeros(SIZE_PX[::-1]).to_dict()]]
    found = read_masks(put(tmp_path / "m.pkl", frames), 25.0)
    assert list(found.masks[0]) == [mask, mask, None]


@pytest.mark.parametrize(
    "mask",
    [
        {"size": [48, 64], "counts": b"zzz"},
        {"size": [48, 64], "zcounts": zlib.compress(b"0" * 2**25)},
        {"size": [48, 64], "zcounts": b"no zlib"},
        {"size": [10**9, 10**9], "counts": b""},
        {"size": [48], "counts": b""},
        {"size": [48, 64]},
        {"counts": b""},
        "mask",
        7,
    ],
)
def test_masks_that_are_none_are_refused(tmp_path, mask):
    with pytest.raises(UserError, match=r"found .*, expected masks of the reference pipeline"):
        read_masks(put(tmp_path / "m.pkl", [[mask]]), 25.0)


def test_masks_of_several_sizes_are_refused(tmp_path):
    frames = [[RLEMask.zeros((4, 4)).to_dict()], [RLEMask.zeros((4, 6)).to_dict()]]
    with pytest.raises(UserError, match="4x4, 6x4"):
        read_masks(put(tmp_path / "m.pkl", frames), 25.0)


# --- cameras ---


def some_cameras(distortion=()):
    eyes = np.array([[0.3, 1.5, 2.0], [0.4, 1.6, 2.2], [0.5, 1.4, 1.9]])
    T = np.stack([look_at(eye, np.array([0.0, 1.0, -1.0]), np.array([0.0, 1.0, 0.0])) for eye in eyes])
    K = np.array([[[f, 0, 31.0], [0, f * 1.01, 23.0], [0, 0, 1]] for f in (60.0, 61.0, 62.0)])
    return Cameras(T, K, np.array(distortion, dtype=np.float64), np.array(SIZE_PX))


@pytest.fixture
def cameravision(monkeypatch):
    """The package as which deltacamera was known."""
    module = types.ModuleType("cameravision")
    module.__dict__["Camera"] = deltacamera.Camera
    monkeypatch.setitem(sys.modules, "cameravision", module)


@pytest.mark.parametrize("distortion", [(), (0.02, -0.01, 0.001, 0.002, 0.0005)])
def test_cameras_project_as_ours_do_for_whoever_unpickles_them(tmp_path, cameravision, distortion):
    cameras = some_cameras(distortion)
    write_cameras(cameras, np.array([0.0, 1.0, 0.0]), tmp_path / "c.pkl")
    theirs = pickle.loads((tmp_path / "c.pkl").read_bytes())
    points = np.random.default_rng(0).normal([0, 1, -2], 0.3, (20, 3))
    for camera, T, K in zip(theirs, cameras.T_world_cam, cameras.K, strict=True):
        inside = transform_points(invert_rigid(T), points)
        expected = project(inside, K) if not distortion else camera.camera_to_image(inside.astype(np.float32))
        np.testing.assert_allclose(camera.world_to_image((points * 1000).astype(np.float32)), expected, atol=1e-3)
        np.testing.assert_array_equal(camera.world_up, [0, 1, 0])
        np.testing.assert_allclose(camera.get_distortion_coeffs()[: len(distortion)], distortion, atol=1e-7)


def as_pickled_today(cameras):
    """Cameras as deltacamera pickles them itself."""
    made = []
    for T, K in zip(cameras.T_world_cam, cameras.K, strict=True):
        model = deltacamera.BrownConradyEx(cameras.distortion) if len(cameras.distortion) else None
        R, t = invert_rigid(T)[:3, :3], T[:3, 3] * 1000
        made.append(deltacamera.Camera(t, R, K, distortion_model=model, world_up=(0, 1, 0)))
    return made


@pytest.mark.parametrize("distortion", [(), (0.02, -0.01, 0.001, 0.002, 0.0005)])
@pytest.mark.parametrize("kind", ["ours", "deltacamera's"])
def test_cameras_come_back(tmp_path, kind, distortion):
    cameras, path = some_cameras(distortion), tmp_path / "c.pkl"
    if kind == "ours":
        write_cameras(cameras, np.array([0.0, 1.0, 0.0]), path)
    else:
        put(path, as_pickled_today(cameras))
    found = read_cameras(path, SIZE_PX)
    np.testing.assert_allclose(found.T_world_cam, cameras.T_world_cam, atol=1e-6)
    np.testing.assert_allclose(found.K, cameras.K, atol=1e-4)
    np.testing.assert_allclose(found.distortion, distortion, atol=1e-7)
    assert found.size_px.tolist() == list(SIZE_PX)


def test_cameras_that_cannot_be_used_are_refused(tmp_path):
    fisheye = deltacamera.Camera(distortion_model=deltacamera.FisheyeKannalaBrandt(np.array([0.1, 0, 0, 0])))
    mirrored = deltacamera.Camera(rot_world_to_cam=np.diag([1.0, 1.0, -1.0]))
    nowhere = deltacamera.Camera(optical_center=[np.nan, 0, 0])
    for value, found in ((fisheye, "fisheye"), (mirrored, "mirrors"), (nowhere, "nan"), ({"R": 1}, "camera should be")):
        with pytest.raises(UserError, match=f"{found}.*expected cameras"):
            read_cameras(put(tmp_path / "c.pkl", [value]), SIZE_PX)
    for value in ([], {}, 3):
        with pytest.raises(UserError, match="expected cameras"):
            read_cameras(put(tmp_path / "c.pkl", value), SIZE_PX)


# --- fits ---


def fits_frame(people):
    """A frame with these people: (number that tells whose shape, place)."""
    shapes = np.array([np.full(10, shape) for shape, _ in people]).reshape(-1, 10)
    trans = np.array([np.full(3, place) for _, place in people]).reshape(-1, 3)
    return {"pose_rotvecs": np.zeros((len(people), 72), np.float32), "shape_betas": shapes, "trans": trans}


def test_people_who_come_and_go_are_told_apart_by_their_shapes(tmp_path):
    frames = [fits_frame(p) for p in ([], [(7, 1)], [(5, 9), (7, 2)], [(5, 8)])]
    fits = read_fits(put(tmp_path / "f.pkl", frames))
    assert fits.betas[:, 0].tolist() == [7, 5]
    assert fits.visible.tolist() == [[False, True, True, False], [False, False, True, True]]
    assert fits.trans[0, :, 0].tolist() == [0, 1, 2, 0] and fits.trans[1, :, 0].tolist() == [0, 0, 9, 8]
    twice = [frame for frame in frames for _ in range(2)]
    np.testing.assert_array_equal(read_fits(put(tmp_path / "f2.pkl", twice), step=2).trans, fits.trans)


def test_a_clip_may_have_fewer_frames_than_people(tmp_path):
    fits = read_fits(put(tmp_path / "f.pkl", [fits_frame([(7, 1), (5, 9), (3, 4)])]))
    assert fits.betas[:, 0].tolist() == [7, 5, 3] and fits.trans[:, 0, 0].tolist() == [1, 9, 4]
    assert read_fits(put(tmp_path / "f.pkl", [fits_frame([])])).visible.shape == (0, 1)


def test_fits_that_are_none_are_refused(tmp_path):
    wrong = fits_frame([(1, 1)]) | {"trans": np.zeros((2, 3))}
    other = fits_frame([(1, 1)]) | {"pose_rotvecs": np.zeros((1, 70))}
    changing = [fits_frame([(t, 1), (t + 0.5, 1)]) for t in range(5)]
    for value, found in (([wrong], "shapes"), ([other], "70 numbers"), (changing, "10 shapes"), ([{}], "pose_rotvecs")):
        with pytest.raises(UserError, match=f"{found}.*expected fits"):
            read_fits(put(tmp_path / "f.pkl", value))


def test_ground_is_in_millimetres(tmp_path):
    write_ground(np.array([0.0, -1.0, 0.0]), -1.52, tmp_path / "g.pkl")
    theirs = pickle.loads((tmp_path / "g.pkl").read_bytes())
    assert theirs["world_up"].tolist() == [0, -1, 0] and theirs["ground_height"] == pytest.approx(-1520)


# --- bodies ---


def put_bodies(path, frames, metadata=None, **how):
    with bodycompress.BodyCompressor(str(path), metadata or {"a": [1, 2]}, **how) as file:
        for frame in frames:
            file.append(**frame)
    return path


def random_frame(rng, n=2, n_vertices=50):
    return {
        "vertices": rng.normal(0, 1000, (n, n_vertices, 3)),
        "joints": rng.normal(0, 1000, (n, 24, 3)),
        "joint_uncertainties": rng.uniform(0, 0.1, (n, 24)),
        "vertex_uncertainties": rng.uniform(0, 0.1, (n, n_vertices)),
        "boxes": rng.uniform(0, 50, (n, 4)),
        "camera": {"rotvec_w2c": np.zeros(3), "loc": np.zeros(3), "intr": np.eye(3)[:2], "up": np.ones(3)},
    }


ORDERS = [
    (50, {}),
    (6890, {}),
    (6890, {"vertex_order": None}),
    (6890, {"vertex_order": "smpl"}),
    (50, {"vertex_order": np.arange(50)[::-1]}),
]


@pytest.mark.parametrize(("n_vertices", "how"), ORDERS)
def test_bodies_are_read_as_bodycompress_reads_them(tmp_path, n_vertices, how):
    rng = np.random.default_rng(0)
    frames = [random_frame(rng, n, n_vertices) for n in (2, 0, 3)]
    path = put_bodies(tmp_path / "p.xz", frames, **how)
    assert read_header(path)["metadata"] == {"a": [1, 2]} and read_header(path)["n_frames"] == 3
    ours, theirs = list(read_frames_of(path)), list(bodycompress.BodyDecompressor(str(path)))
    assert len(ours) == len(theirs) == 3
    for found, expected in zip(ours, theirs, strict=True):
        for name in ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties", "boxes"):
            np.testing.assert_allclose(found.values[name], expected[name], atol=1e-3)


def stream(*objects):
    """Objects in BodyCompress's first format: metadata, then frames."""
    return lzma.compress(b"".join(msgpack_numpy.packb(value) for value in objects), lzma.FORMAT_XZ)


class Hurts:
    def __reduce__(self):
        return os.system, ("touch hurt",)


NESTED = functools.reduce(lambda inner, _: [inner], range(200), [])
HARMFUL_STREAMS = {
    "objects that run code": (stream({}, {"boxes": np.array([Hurts()], dtype=object)}), "run code"),
    "records": (stream({}, {"boxes": np.zeros(2, dtype=[("a", "f4")])}), "run code"),
    "lying shape": (stream({}, {"boxes": {b"nd": True, b"type": "<f4", b"shape": [2**40], b"data": b""}}), "shape"),
    "text for numbers": (stream({}, {"boxes": {b"nd": True, b"type": "O", b"shape": [], b"data": b"12345678"}}), "'O'"),
    "many values": (stream({}, {"a": [[] for _ in range(30_000)]}), "more than 20000 values"),
    "large frame": (stream({}, {"a": b"0" * (2**25 + 1)}), "cannot be read"),
    "no frame": (stream({}, [1]), "where a frame should be"),
    "cut off": (stream({}, {"a": b"0" * 1000})[:-30], "cannot be read"),
    "another compression": (b"\x28\xb5\x2f\xfdxxxxxxxx", "another compression"),
    "nothing": (b"", "another compression"),
    "nested deeply": (stream({}, {"a": NESTED}), ""),
    "extension": (lzma.compress(b"\x80\x81\xa1a\xd4\x05x"), "extension"),
}


@pytest.mark.parametrize("name", HARMFUL_STREAMS)
def test_harmful_and_damaged_bodies_are_refused_and_do_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content, found = HARMFUL_STREAMS[name]
    (tmp_path / "p.xz").write_bytes(content)
    if not found:
        assert next(read_frames_of(tmp_path / "p.xz")).values["a"]
        return
    with pytest.raises(UserError, match="expected predictions") as error:
        list(read_frames_of(tmp_path / "p.xz"))
    assert found in str(error.value)
    assert not (tmp_path / "hurt").exists()


def test_bomb_is_given_up_before_it_goes_off(tmp_path, monkeypatch):
    """A few kilobytes that would become ten gigabytes."""
    piece, compressor = b"\xc6" + struct.pack(">I", 2**32 - 1), lzma.LZMACompressor(lzma.FORMAT_XZ, preset=0)
    file = io.BytesIO()
    file.write(compressor.compress(msgpack_numpy.packb({}) + b"\x81\xa1a" + piece))
    for _ in range(40):
        file.write(compressor.compress(bytes(2**20)))
    (tmp_path / "p.xz").write_bytes(file.getvalue() + compressor.flush())
    fed = []
    whole = body_stream._decompressed
    monkeypatch.setattr(body_stream, "_decompressed", lambda *a: (fed.append(len(p)) or p for p in whole(*a)))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_frames_of(tmp_path / "p.xz"))
    assert max(fed) <= 2**20 and sum(fed) <= 36 * 2**20
