"""The served page follows its results, gives ranges as browsers ask for them, and nothing but that video's files."""

import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import asdict

import numpy as np
import pygltflib
import pytest
from player_results import Shown, write_results

from nlf_pipeline.errors import UserError
from nlf_pipeline.player_page.followed_run import FollowedRun
from nlf_pipeline.player_page.range_server import Content, RangeServer
from nlf_pipeline.view import view
from nlf_pipeline.workflow.job_records import JobRecord

TEXT = bytes(range(256)) * 20


@contextlib.contextmanager
def serving(routes, host="127.0.0.1"):
    with RangeServer(host, 0, routes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port, path, method="GET", **headers):
    """Status, headers and body; names of headers with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@pytest.fixture
def port(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(TEXT)
    routes = {
        "/clip.mp4": lambda: Content("video/mp4", tmp_path / "clip.mp4"),
        "/empty.mp4": lambda: Content("video/mp4", b""),
        "/scene.json": lambda: Content("application/json", b"1" * 5000),
        "/later": lambda: None,
        "/gone": lambda: Content("video/mp4", tmp_path / "gone.mp4"),
    }
    with serving(routes) as number:
        yield number


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-", 0, 5120), ("bytes=10-19", 10, 20), ("bytes=5000-9999", 5000, 5120), ("bytes=-7", 5113, 5120),
     ("bytes=-9999", 0, 5120)],
)  # fmt: skip
def test_ranges_of_a_file(port, asked, start, stop):
    status, headers, body = ask(port, "/clip.mp4?v=1", Range=asked)
    assert (status, body) == (206, TEXT[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/5120"
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("asked", ["bytes=5120-", "bytes=9-3", "bytes=-0"])
def test_ranges_that_are_not_there(port, asked):
    status, headers, body = ask(port, "/clip.mp4", Range=asked)
    assert (status, body, headers["Content-Range"]) == (416, b"", "bytes */5120")


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=1-2", ""])
def test_other_ranges_are_answered_with_the_whole(port, asked):
    assert ask(port, "/clip.mp4", Range=asked)[::2] == (200, TEXT)


def test_heads_and_texts(port):
    status, headers, body = ask(port, "/clip.mp4", "HEAD")
    assert (status, body, headers["Content-Length"], headers["Accept-Ranges"]) == (200, b"", "5120", "bytes")
    status, headers, body = ask(port, "/scene.json", Accept_Encoding="gzip, br")
    assert headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == b"1" * 5000
    assert ask(port, "/scene.json")[2] == b"1" * 5000
    assert ask(port, "/empty.mp4")[::2] == (200, b"")


@pytest.mark.parametrize(
    "path", ["/later", "/gone", "/other", "/../clip.mp4", "/%2e%2e/clip.mp4", "//etc/passwd", "/..%2fclip.mp4"]
)
def test_nothing_else_is_served(port, path):
    assert ask(port, path)[0] == 404
    assert ask(port, "/clip.mp4", "POST")[0] == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "192.168.1.1"])
def test_other_names_for_this_machine_are_refused(port, host):
    assert ask(port, "/clip.mp4", Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:99"])
def test_tunnels_may_end_anywhere(port, host):
    assert ask(port, "/clip.mp4", Host=host)[0] == 200


def test_whoever_asks_for_everybody_may_have_any_name(tmp_path):
    with serving({"/x": lambda: Content("text/plain", b"x")}, host="0.0.0.0") as number:
        assert ask(number, "/x", Host="my.machine:1")[0] == 200


def get(port, path):
    return json.loads(ask(port, path)[2])


def record(folder, job, state, started=1e9, error=None):
    folder.mkdir(parents=True, exist_ok=True)
    ended = None if state == "running" else started + 1
    values = JobRecord(job, state, started, ended, os.uname().nodename, os.getpid(), None, 1, None, error, None)
    (folder / f"{job}.json").write_text(json.dumps({"format_version": 1, **asdict(values)}))


def test_the_page_follows_a_run(tmp_path, body_dir):
    results, logs = tmp_path / "results", tmp_path / "logs"
    (results / "dance").mkdir(parents=True)
    record(logs / "dance", "fetch", "done")
    record(logs / "dance", "segment", "failed", 1e9 + 5, error="out of memory")
    with serving(FollowedRun("dance", results, logs, tmp_path / "none", body_dir).routes()) as port:
        assert b"__SCENE__" not in ask(port, "/")[2]
        before = get(port, "/scene.json")
        assert before["clip"] is None and before["follow"] is True
        states = {stage["name"]: stage["state"] for stage in before["state"]["stages"]}
        assert (states["fetch"], states["segment"], states["world"]) == ("done", "failed", "waiting")
        assert "out of memory" in before["state"]["message"] and not before["state"]["finished"]
        assert get(port, "/state.json") == {"state": before["state"], "version": None}
        assert ask(port, "/motion.glb")[0] == ask(port, "/clip.mp4")[0] == 404

        write_results(results / "dance", Shown(n_people=1, n_frames=6, size_px=(160, 96)))
        version = get(port, "/state.json")["version"]
        clip = get(port, "/scene.json")["clip"]
        assert clip["version"] == version is not None and clip["n_frames"] == 6
        assert ask(port, f"/{clip['video']}", Range="bytes=4-7")[::2] == (206, b"ftyp")
        glb = ask(port, f"/{clip['glb']}")[2]
        assert clip["people"][0]["node"] in {node.name for node in pygltflib.GLTF2.load_from_bytes(glb).nodes}

        write_results(results / "dance", Shown(n_people=2, n_frames=6, size_px=(160, 96), names={2: "Ben"}))
        later = get(port, "/scene.json")["clip"]
        assert later["version"] != version and [p["name"] for p in later["people"]] == ["person 1", "Ben"]
        assert len(ask(port, "/motion.glb")[2]) > len(glb)


def test_files_that_do_not_belong_together_are_waited_for(tmp_path, body_dir):
    write_results(tmp_path / "dance", Shown(n_frames=6, size_px=(160, 96)))
    cameras = dict(np.load(tmp_path / "dance" / "world_cameras.npz"))
    cameras |= {name: cameras[name][:3] for name in ("T_world_cam", "K")}
    np.savez(tmp_path / "dance" / "world_cameras.npz", **cameras)
    run = FollowedRun("dance", tmp_path, tmp_path / "logs", tmp_path, body_dir)
    scene = run.scene()
    assert scene["clip"] is None and "6 frames" in scene["state"]["message"]
    assert run.news()["version"] is None  # else the page would load itself anew again and again
    assert run.routes()["/motion.glb"]() is None


def test_a_missing_body_model_is_told(tmp_path):
    write_results(tmp_path / "dance", Shown(n_frames=6, size_px=(160, 96)))
    scene = FollowedRun("dance", tmp_path, tmp_path / "logs", tmp_path / "nowhere").scene()
    assert scene["clip"] is None and str(tmp_path / "nowhere" / "open") in scene["state"]["message"]


def test_how_far_a_stage_is(tmp_path):
    folder = tmp_path / "logs" / "dance"
    (tmp_path / "results" / "dance").mkdir(parents=True)
    record(folder, "estimate", "running")
    line = "2026-01-01 00:00:00 INFO nlf_pipeline.progress: estimate: 30/120 frames, 3.0 frames/s, 30 s left\n"
    (folder / "estimate.log").write_text(line)
    script = "import sys, time; from nlf_pipeline.workflow.job_records import recording; from pathlib import Path\n"
    script += "with recording(Path(sys.argv[1])): print(1, flush=True); time.sleep(60)"
    job = subprocess.Popen([sys.executable, "-c", script, folder / "estimate.log"], stdout=subprocess.PIPE)
    try:
        assert job.stdout is not None and job.stdout.readline()
        state = FollowedRun("dance", tmp_path / "results", tmp_path / "logs", tmp_path).news()["state"]
    finally:
        job.kill()
        job.communicate()
    assert {"name": "estimate", "state": "running", "progress": 0.25} in state["stages"]
    assert state["finished"] is False


def test_stages_are_shown_in_the_order_of_the_run(tmp_path):
    (tmp_path / "results" / "demo").mkdir(parents=True)
    for job in ("fetch", "render_demo", "render_side"):
        record(tmp_path / "logs" / "demo", job, "done")
    state = FollowedRun("demo", tmp_path / "results", tmp_path / "logs", tmp_path).news()["state"]
    names = [stage["name"] for stage in state["stages"]]
    assert (names[:2], names[-2:]) == (["render_demo", "fetch"], ["world", "render_side"])


def test_unknown_videos_and_taken_ports_are_told(tmp_path):
    (tmp_path / "results" / "dance").mkdir(parents=True)
    for wrong in ("walk", "../dance", ""):
        with pytest.raises(UserError, match="found dance"):
            view(wrong, results=tmp_path / "results")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="another port"):
        view("dance", results=tmp_path / "results", port=taken.getsockname()[1])
    for port, host in ((70000, "127.0.0.1"), (0, "203.0.113.1")):
        with pytest.raises(UserError, match="cannot listen"):
            view("dance", results=tmp_path / "results", port=port, host=host)


def test_the_command_says_where_and_ends_quietly(tmp_path):
    (tmp_path / "results" / "dance").mkdir(parents=True)
    command = ["env", "--default-signal=INT", sys.executable, "-m", "nlf_pipeline.cli", "view", "dance"]
    viewer = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={name: value for name, value in os.environ.items() if "DISPLAY" not in name},
    )  # fmt: skip
    try:
        assert viewer.stdout is not None
        url = viewer.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=20) as page:
            assert b"</script>" in page.read()
        assert "ssh -L" in viewer.stdout.readline()
        viewer.send_signal(signal.SIGINT)
        _, errors = viewer.communicate(timeout=20)
    finally:
        viewer.kill()
    assert viewer.returncode == 0 and "Traceback" not in errors and not errors.strip()
