"""The page in a real Chromium: it shows the people where they are, in step with the video, and asks for nothing."""

import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from browsers import Browser, browsing
from player_results import ODD_CLIPS, Shown, cameras_of, make_player, number_in, write_results
from selenium.webdriver.support import expected_conditions as conditions
from selenium.webdriver.support.ui import WebDriverWait

from nlf_pipeline.artefacts import Bodies, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.player_page.assembly import make_page
from nlf_pipeline.player_page.followed_run import FollowedRun
from nlf_pipeline.player_page.motion_file import glb_bytes
from nlf_pipeline.player_page.range_server import RangeServer
from nlf_pipeline.player_page.scene import data_url, make_clip, make_scene
from nlf_pipeline.renderers import ViewFrame, make_renderer
from nlf_pipeline.renderers.palette import person_colours

NASTY = {1: "</script><b>Zoë</b>", 2: "🕺 & \"Ben\" 'B'"}
DANCE = Shown(n_frames=60, names=NASTY, tone_hz=440.0)
PLAIN = "player.set({video: 'off', panel: false, trails: 'off', contacts: false, floor: false, path: false, opacity: 1,"
PLAIN += " labels: false, bodies: 'mesh', hidden: new Set(), view: 'camera'})"
NOBODY = "player.set({hidden: new Set([1, 2])})"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def dance(tmp_path_factory, body_dir):
    folder = write_results(tmp_path_factory.mktemp("dance"), DANCE)
    make_player(folder, body_dir, folder / "player.html")
    return folder


def silhouette(browser, frame):
    """(height, width) bool: where people change the picture; and the rectangle that the video's picture takes."""
    shown = browser.pixels(f"{PLAIN}; await player.seek({frame})").astype(int)
    without = browser.pixels(NOBODY).astype(int)
    browser.run("player.set({hidden: new Set()})")
    rect = browser.run("return player.imageRect()")
    return np.abs(shown - without).max(axis=-1) > 24, rect


def drawn_by_us(folder, body_dir, frame, size_px, rect):
    """(height, width) bool: where our own renderer draws people on a canvas of this size."""
    bodies, cameras = Bodies.load(folder / "bodies.npz"), cameras_of(DANCE)
    meshes = BodyMeshes(load_body_model(body_dir))
    vertices, _ = meshes.forward(bodies.pose_rotvecs[:, frame], bodies.betas, bodies.trans[:, frame])
    view = ViewFrame(
        vertices=vertices,
        colours=person_colours(len(vertices)),
        T_world_cam=cameras.T_world_cam[frame],
        K=canvas_matrix(frame, rect),
        image=np.zeros((size_px[1], size_px[0], 3), np.uint8),
    )
    (picture,) = make_renderer("moderngl").render([view], meshes.faces, size_px, 1.0)
    return picture.max(axis=-1) > 24


def motion_of(folder, body_dir):
    """What the page is made from."""
    files = {"bodies": "bodies.npz", "world_cameras": "world_cameras.npz", "video_facts": "video.json"}
    return load_motion(**{key: folder / name for key, name in files.items()}, body=body_dir, edits=None)


def canvas_matrix(frame, rect):
    """(3, 3) intrinsic matrix for pixels of a canvas on which the picture takes a rectangle."""
    scale = rect["width"] / DANCE.size_px[0]
    K = cameras_of(DANCE).K[frame].copy()
    K[:2] *= scale
    K[:2, 2] += [rect["x"] + 0.5 * scale - 0.5, rect["y"] + 0.5 * scale - 0.5]
    return K


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_the_page_loads_without_complaint_or_request(browser, dance):
    browser.open((dance / "player.html").as_uri())
    assert browser.run("return player.nFrames()") == 60
    text = browser.run("return document.body.innerText")
    assert NASTY[1] in text and NASTY[2] in text
    assert browser.run("return document.querySelectorAll('body b').length") == 0
    browser.run("player.setView('top'); player.setView('camera'); player.set({bodies: 'skeleton', video: 'scene'})")
    browser.run("player.setView('free'); await player.seek(30); player.set({bodies: 'both', follow: 2})")
    browser.pixels()
    assert browser.complaints() == []
    assert browser.requests() == [(dance / "player.html").as_uri()]


def test_everybody_is_shown_in_his_colour(browser, dance):
    browser.open((dance / "player.html").as_uri())
    picture = browser.pixels(f"{PLAIN}; player.set({{video: 'corner'}})")
    hues = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    for colour in person_colours(2):
        wanted = cv2.cvtColor((colour[None, None] * 255).astype(np.uint8), cv2.COLOR_RGB2HSV)[0, 0]
        away = np.abs(hues[..., 0].astype(int) - int(wanted[0]))
        alike = (np.minimum(away, 180 - away) < 8) & (hues[..., 1] > 80) & (hues[..., 2] > 40)
        assert alike.sum() > 400
    hidden = browser.pixels("player.set({hidden: new Set([1])})")
    assert (hidden != picture).any(axis=-1).sum() > 400


@pytest.mark.parametrize("frame", [0, 37, 59])
def test_the_overlay_lies_where_our_own_renderer_draws(browser, dance, body_dir, frame):
    browser.open((dance / "player.html").as_uri())
    theirs, rect = silhouette(browser, frame)
    ours = drawn_by_us(dance, body_dir, frame, theirs.shape[::-1], rect)
    assert ours.sum() > 4000
    assert overlap(ours, theirs) > 0.9
    shifted = np.roll(theirs, 6, axis=1)  # which shows that the limit would notice
    assert overlap(ours, shifted) < 0.9


def test_the_overlay_has_its_joints_in_the_right_place(browser, dance, body_dir):
    browser.open((dance / "player.html").as_uri())
    frame = 20
    mask, rect = silhouette(browser, frame)
    near_the_body = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    for person in motion_of(dance, body_dir).people:
        joints = transform_points(invert_rigid(cameras_of(DANCE).T_world_cam[frame]), person.joints[frame])
        seen = np.round(project(joints, canvas_matrix(frame, rect))).astype(int)
        assert near_the_body[seen[:, 1], seen[:, 0]].all()


def test_scrubbing_moves_people_as_the_truth_says(browser, dance):
    browser.open((dance / "player.html").as_uri())
    first = browser.pixels(f"{PLAIN}; await player.seek(0)")
    boxes = [browser.run("return player.personScreenBox(1)")]
    last = browser.pixels("await player.seek(59)")
    boxes.append(browser.run("return player.personScreenBox(1)"))
    rect = browser.run("return player.imageRect()")
    assert (np.abs(first.astype(int) - last).max(axis=-1) > 24).sum() > 2000
    bodies, cameras = Bodies.load(dance / "bodies.npz"), cameras_of(DANCE)
    truth = []
    for frame in (0, 59):
        pelvis = transform_points(invert_rigid(cameras.T_world_cam[frame]), bodies.trans[:1, frame])
        truth.append(project(pelvis, canvas_matrix(frame, rect))[0, 0])
    moved = boxes[1]["x"] + boxes[1]["width"] / 2 - boxes[0]["x"] - boxes[0]["width"] / 2
    expected = truth[1] - truth[0]
    assert abs(expected) > 80
    assert moved == pytest.approx(expected, abs=0.35 * boxes[0]["width"])


def test_the_video_shows_the_frame_whose_pose_is_shown(browser, dance):
    browser.open((dance / "player.html").as_uri())
    for frame in (0, 1, 29, 30, 14, 15, 16, 59, 58, 2, 44, 43, 0):
        browser.run(f"await player.seek({frame})")
        assert browser.run("return player.frame()") == frame
        assert number_in(browser.video_picture()) == frame
    overlaid = browser.pixels(f"{PLAIN}; player.set({{hidden: new Set([1, 2])}}); await player.seek(41)")
    rect = browser.run("return player.imageRect()")
    left, top = round(rect["x"]), round(rect["y"])
    assert number_in(overlaid[top : top + round(rect["height"]), left : left + round(rect["width"])]) == 41


@pytest.mark.parametrize("fps", [24000 / 1001, 60000 / 1001])
def test_frames_are_found_at_odd_frame_rates(browser, fps, body_dir, tmp_path):
    folder = write_results(tmp_path, Shown(n_people=0, n_frames=130, fps=fps, size_px=(320, 180)))
    make_player(folder, body_dir, folder / "player.html")
    browser.open((folder / "player.html").as_uri())
    for frame in (129, 0, 61, 1, 128, 100):
        browser.run(f"await player.seek({frame})")
        assert (browser.run("return player.frame()"), number_in(browser.video_picture())) == (frame, frame)


def pose_and_picture(browser: Browser) -> tuple[int, int]:
    """The frames of both once they agree; where they never do, what they are after some seconds."""
    for _ in range(50):
        browser.run("await new Promise(done => setTimeout(done, 100))")
        pose, picture = browser.run("return player.frame()"), number_in(browser.video_picture())
        if pose == picture:
            break
    return pose, picture


def test_playing_stays_in_step(browser, dance):
    browser.open((dance / "player.html").as_uri())
    browser.run("player.set({muted: true, loop: false}); player.play()")
    pairs = []
    for _ in range(6):
        browser.run("await new Promise(done => setTimeout(done, 120)); player.pause()")
        pairs.append(pose_and_picture(browser))
        browser.run("player.play()")
    browser.run("player.pause()")
    assert [frame for frame, _ in pairs] == [shown for _, shown in pairs]
    assert pairs[-1][0] > pairs[0][0]


@pytest.mark.parametrize("shown", ODD_CLIPS.values(), ids=ODD_CLIPS)
def test_odd_clips_open(browser, shown, tmp_path, body_dir):
    make_player(write_results(tmp_path, shown), body_dir, tmp_path / "player.html")
    browser.open((tmp_path / "player.html").as_uri())
    last = shown.n_frames - 1
    browser.run(f"await player.seek({last}); player.setView('camera')")
    assert number_in(browser.video_picture()) == last
    boxes = [browser.run(f"return player.personScreenBox({person + 1})") for person in range(shown.n_people)]
    expected = [True] * shown.n_people if shown.visible is None else shown.visible[:, last].tolist()
    assert [box is not None for box in boxes] == expected
    assert browser.complaints() == []


def test_a_page_without_video_plays(browser, dance, body_dir, tmp_path):
    clip = make_clip(motion_of(dance, body_dir), VideoFacts.load(dance / "video.json"), "", None)
    clip["glb"] = data_url("model/gltf-binary", glb_bytes(motion_of(dance, body_dir)))
    (tmp_path / "player.html").write_text(make_page("dance", make_scene("dance", clip)), encoding="utf-8")
    browser.open((tmp_path / "player.html").as_uri())
    assert browser.run("return document.querySelector('video')") is None
    first = browser.pixels("await player.seek(0)")
    assert (browser.pixels("await player.seek(59)") != first).any()
    browser.run("await player.seek(0); player.play(); await new Promise(done => setTimeout(done, 500)); player.pause()")
    assert browser.run("return player.frame()") > 0
    assert browser.complaints() == []


def test_the_served_page_follows_a_run(browser, tmp_path, body_dir):
    results = tmp_path / "results"
    (results / "dance").mkdir(parents=True)
    run = FollowedRun("dance", results, tmp_path / "logs", tmp_path, body_dir)
    with RangeServer("127.0.0.1", 0, run.routes()) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        browser.forget()
        browser.driver.get(url)
        shows = "for (;;) { if (document.body.innerText.includes(args[0])) return; "
        shows += "await new Promise(done => setTimeout(done, 50)); }"
        browser.run(shows, "world")
        write_results(results / "dance", Shown(n_frames=30, names={1: "Anna"}))
        browser.driver.implicitly_wait(20)
        browser.driver.find_element("css selector", "canvas")
        browser.run("await player.ready; await player.seek(17)")
        assert number_in(browser.video_picture()) == 17
        assert "Anna" in browser.run("return document.body.innerText")
        write_results(results / "dance", Shown(n_frames=30, names={1: "Berta"}))
        browser.run("window.isOld = true")
        for _ in range(100):
            if not browser.run("await new Promise(done => setTimeout(done, 100)); return window.isOld"):
                break
        browser.run("await player.ready")
        assert "Berta" in browser.run("return document.body.innerText")
        assert all(asked.startswith(url) for asked in browser.requests())
        assert browser.complaints() == []
        server.shutdown()


def test_a_large_page_works_inside_snakemakes_report(browser, dance, tmp_path):
    page = (dance / "player.html").read_bytes() + b"<!--" + b"x" * 2**21 + b"-->"
    (tmp_path / "player.html").write_bytes(page)
    (tmp_path / "Snakefile").write_text(
        "from nlf_pipeline.workflow.report_pages import show_large_pages\n\n\nshow_large_pages(workflow)\n\n\n"
        "rule player:\n"
        '    output:\n        report("player.html", category="Player", labels={"video": "dance"}),\n'
        '    shell:\n        "false"\n'
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet"]
    for arguments in (["--touch"], ["--report", "report.html"]):
        subprocess.run([*command, *arguments], cwd=tmp_path, check=True, capture_output=True)
    driver = browser.driver
    driver.get((tmp_path / "report.html").as_uri())
    for chosen in ("//a[.='Results']", "//a[.='Player']", "//a[@iconname='eye']"):
        WebDriverWait(driver, 20).until(conditions.element_to_be_clickable(("xpath", chosen))).click()
    WebDriverWait(driver, 20).until(conditions.frame_to_be_available_and_switch_to_it(("css selector", "iframe")))
    WebDriverWait(driver, 20).until(conditions.presence_of_element_located(("css selector", "canvas")))
    browser.run("await player.ready; await player.seek(23)")
    assert number_in(browser.video_picture()) == 23
    assert browser.run("return player.personScreenBox(1)") is not None
    assert (browser.pixels("await player.seek(0)") != browser.pixels("await player.seek(40)")).any()
    driver.switch_to.default_content()
