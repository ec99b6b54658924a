"""The page is one valid file whatever the clip and the names are, within its size, with every frame in its place."""

import base64
import html
import json
import re
from html.parser import HTMLParser

import av
import numpy as np
import pygltflib
import pytest
from player_results import ODD_CLIPS, Shown, make_player, number_in, write_results
from synthetic_videos import numbered_frame, write_video

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.player_page import assembly
from nlf_pipeline.player_page.proxy_video import make_proxy, proxy_size

NASTY = {1: "</script><b>Zoë</b>", 2: "__BUNDLE__ 🕺 <!-- \" ' & \\"}


class Scripts(HTMLParser):
    """Texts of the scripts by id, and all that a browser would have to load."""

    def __init__(self):
        super().__init__()
        self.by_id, self.loads, self._open = {}, [], None

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loads += [values[name] for name in ("src", "href") if values.get(name)]
        if tag == "script":
            self._open = values.get("id", "")
            self.by_id[self._open] = ""

    def handle_data(self, data):
        if self._open is not None:
            self.by_id[self._open] += data

    def handle_endtag(self, tag):
        if tag == "script":
            self._open = None


@pytest.fixture(scope="module")
def dance(tmp_path_factory, body_dir):
    folder = write_results(tmp_path_factory.mktemp("dance"), Shown(n_frames=30, names=NASTY, tone_hz=440.0))
    return folder, make_player(folder, body_dir, folder / "player.html")


def parsed(page):
    scripts = Scripts()
    scripts.feed(page)
    return scripts


def scene_of(page):
    return json.loads(parsed(page).by_id["scene"])


def content(url):
    return base64.b64decode(url.partition("base64,")[2])


def pictures(mp4, tmp_path):
    path = tmp_path / "proxy.mp4"
    path.write_bytes(mp4)
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    return frames, [frame.to_ndarray(format="rgb24") for frame in frames]


def test_the_page_has_everything_in_it_and_loads_nothing(dance):
    folder, page = dance
    scripts = parsed(page)
    assert set(scripts.by_id) == {"scene", ""}
    assert all(url.startswith("data:") for url in scripts.loads)
    assert html.escape("default-src 'none'") in page and "'self'" not in page.partition("<body")[0]
    clip = scene_of(page)["clip"]
    assert [person["name"] for person in clip["people"]] == list(NASTY.values())
    assert clip["n_frames"] == 30 and clip["has_audio"]
    gltf = pygltflib.GLTF2.load_from_bytes(content(clip["glb"]))
    assert {person["node"] for person in clip["people"]} <= {node.name for node in gltf.nodes}
    K = np.frombuffer(base64.b64decode(clip["cameras"]["K"]), "<f4").reshape(-1, 3, 3)
    T = np.frombuffer(base64.b64decode(clip["cameras"]["T_world_cam"]), "<f4").reshape(-1, 4, 4)
    saved = np.load(folder / "world_cameras.npz")
    np.testing.assert_allclose(K, saved["K"], rtol=1e-6)
    np.testing.assert_allclose(T, saved["T_world_cam"], atol=1e-6)


def test_the_same_results_give_the_same_bytes(dance, body_dir):
    folder, page = dance
    assert make_player(folder, body_dir, folder / "again.html") == page


def test_frame_i_of_the_small_video_is_frame_i_of_the_clip(dance, tmp_path):
    clip = scene_of(dance[1])["clip"]
    frames, shown = pictures(content(clip["video"]), tmp_path)
    assert [number_in(picture) for picture in shown] == list(range(30))
    np.testing.assert_allclose([float(frame.pts * frame.time_base) for frame in frames], np.arange(30) / 25)
    keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert np.diff([*keys, 30]).max() <= 15
    with av.open(str(tmp_path / "proxy.mp4")) as video:
        assert [packet.pts for packet in video.demux(video=0) if packet.size] == sorted(
            packet.pts for packet in av.open(str(tmp_path / "proxy.mp4")).demux(video=0) if packet.size
        )
        assert video.streams.audio and video.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize("fps", [23.976, 29.97, 30000 / 1001, 50.0])
def test_frame_rates_stay_exact(fps, tmp_path):
    folder = write_results(tmp_path, Shown(n_people=0, n_frames=7, fps=fps, size_px=(160, 96)))
    made = make_proxy(folder / "clip.mp4", VideoFacts.load(folder / "video.json"), 10**7)
    frames, _ = pictures(made, tmp_path)
    np.testing.assert_allclose([float(f.pts * f.time_base) for f in frames], np.arange(7) / fps, atol=1e-5)


@pytest.mark.parametrize(
    ("size_px", "expected"),
    [((1920, 1080), (854, 480)), ((1280, 720), (854, 480)), ((1080, 1920), (480, 854)), ((320, 240), (320, 240))],
)
def test_the_small_video_keeps_its_shape(size_px, expected):
    assert proxy_size(size_px) == expected


def test_a_video_that_does_not_fit_gets_coarser_and_then_is_left_out(tmp_path):
    facts, random, n = VideoFacts("noise", 640, 360, 25.0, 20), np.random.default_rng(0), 20
    noise = [random.normal(0, 12, (360, 640, 3)) + numbered_frame(number, 640, 360) for number in range(n)]
    frames = [np.clip(picture, 0, 255).astype(np.uint8) for picture in noise]
    clip = write_video(tmp_path / "clip.mp4", np.arange(n) / 25, frames)
    whole = make_proxy(clip, facts, 10**8)
    for share in (0.6, 0.1):
        coarser = make_proxy(clip, facts, int(len(whole) * share))
        assert coarser is not None and len(coarser) <= len(whole) * share
        assert [number_in(picture) for picture in pictures(coarser, tmp_path)[1]] == list(range(n))
    assert make_proxy(clip, facts, 500) is None


@pytest.mark.parametrize("shown", ODD_CLIPS.values(), ids=ODD_CLIPS)
def test_odd_clips_make_whole_pages(shown, tmp_path, body_dir):
    clip = scene_of(make_player(write_results(tmp_path, shown), body_dir, tmp_path / "player.html"))["clip"]
    assert len(clip["people"]) == shown.n_people and clip["cuts"] == list(shown.cuts)
    assert clip["size_px"] == list(shown.size_px) and not clip["has_audio"]
    assert len(pictures(content(clip["video"]), tmp_path)[0]) == shown.n_frames
    if shown.cuts:
        assert [person["visible"] for person in clip["people"]] == [[[0, 4]], [[4, 8]]]
        assert clip["people"][0]["contacts"]["left"] == [[0, 4]]


def test_a_page_without_room_says_how_to_look_at_the_clip(tmp_path, body_dir, caplog):
    folder = write_results(tmp_path, Shown(n_people=12, n_frames=400, size_px=(160, 96)))
    page = make_player(folder, body_dir, tmp_path / "player.html", max_mb=2.0)
    assert "nlf-pipeline view dance" in page and len(page) < 10_000 and "script" not in page
    assert "nlf-pipeline view dance" in caplog.text
    with pytest.raises(UserError, match="max_mb"):
        make_player(folder, body_dir, tmp_path / "player.html", max_mb=1.0)


def test_a_package_without_the_bundle_is_told_with_its_cure(dance, body_dir, monkeypatch, tmp_path):
    monkeypatch.setattr(assembly, "_BUNDLE", "missing.js")
    with pytest.raises(UserError, match="make player"):
        make_player(dance[0], body_dir, tmp_path / "player.html")


def test_the_bundle_cannot_end_its_own_script(monkeypatch, tmp_path):
    monkeypatch.setattr(assembly.importlib.resources, "files", lambda _: tmp_path)
    (tmp_path / "index.html").write_text("<head></head><script id=scene>__SCENE__</script><script>__BUNDLE__</script>")
    (tmp_path / "bundle.js").write_text("f('</SCRIPT>')")
    page = assembly.make_page("a & b", {"name": "</script>"})
    assert parsed(page).by_id[""] == r"f('<\/SCRIPT>')"
    assert len(re.findall("</script>", page, re.IGNORECASE)) == 2
