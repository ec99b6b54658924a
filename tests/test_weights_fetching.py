"""A download is whole and right or not there at all, goes on where it ended, and says what is wrong."""

import hashlib
import random
import socket
import threading

import pytest
from file_server import Behaviour, serving

from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.fetching import direct_url, fetch_weight
from nlf_pipeline.weights.records import recorded_digest
from nlf_pipeline.weights.registry import Registration, Weight

pytest.importorskip("pooch")
CONTENT = random.Random(0).randbytes(3_500_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MIB = 1 << 20


@pytest.fixture
def server():
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        behaviour.url = url
        yield behaviour


def a_weight(url, **published):
    return Weight("thing", "thing.pth", "none", (), url, **published)


def shown(folder):
    """Names of the files in a folder that are not hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def refusal(folder, weight):
    with pytest.raises(UserError) as caught:
        fetch_weight(folder, weight)
    assert shown(folder) == []
    return str(caught.value)


@pytest.mark.parametrize(
    "published",
    [
        {},
        {"sha256": SHA256},
        {"sha256_prefix": SHA256[:8]},
        {"git_blob": hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()},
    ],
)
@pytest.mark.parametrize("quirks", [{}, {"redirects": 2}, {"with_length": False}])
def test_file_arrives_whole_and_is_recorded(tmp_path, server, published, quirks):
    vars(server).update(quirks)
    file = fetch_weight(tmp_path, a_weight(server.url, **published))
    assert file.read_bytes() == CONTENT and recorded_digest(file) == SHA256
    assert shown(tmp_path) == ["thing.pth", "thing.pth.sha256.json"]
    assert not list(tmp_path.glob(".download*"))
    assert file.stat().st_mode & 0o444  # for other users of the machine too
    assert fetch_weight(tmp_path, a_weight(server.url, **published)) == file
    assert server.asked == ["all"]


def test_cut_connection_is_taken_up_within_one_call(tmp_path, server):
    server.cut_after = MIB
    file = fetch_weight(tmp_path, a_weight(server.url))
    assert file.read_bytes() == CONTENT
    assert server.asked == ["all", *(f"bytes={k * MIB}-" for k in (1, 2, 3))]


def test_next_call_goes_on_where_the_last_one_ended(tmp_path, server):
    server.cut_after, server.refuse_from = MIB, 2
    message = refusal(tmp_path, a_weight(server.url))
    assert "503" in message and server.url in message
    server.cut_after = server.refuse_from = None
    assert fetch_weight(tmp_path, a_weight(server.url)).read_bytes() == CONTENT
    assert server.asked == ["all", f"bytes={MIB}-", f"bytes={MIB}-"]


@pytest.mark.parametrize("change", [{"ranges": False}, {"version": '"2"'}])
def test_server_that_cannot_go_on_starts_over(tmp_path, server, change):
    other = random.Random(1).randbytes(3_200_000)
    work = tmp_path / ".download-thing"
    work.mkdir()
    (work / "part").write_bytes(CONTENT[:MIB])
    (work / "part.version").write_text('"1"')
    server.content = other
    vars(server).update(change)
    assert fetch_weight(tmp_path, a_weight(server.url)).read_bytes() == other


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 10])
def test_part_that_is_already_as_long_as_the_file(tmp_path, server, length):
    work = tmp_path / ".download-thing"
    work.mkdir()
    (work / "part").write_bytes((CONTENT + bytes(10))[:length])
    assert fetch_weight(tmp_path, a_weight(server.url)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"sha256": "0" * 64}, [SHA256, "0" * 64]),
        ({"sha256_prefix": "01234567"}, [SHA256[:8], "01234567"]),
        ({"git_blob": "0" * 40}, ["git's digest", "0" * 40]),
    ],
)
def test_wrong_bytes_are_refused_and_fetched_anew_next_time(tmp_path, server, published, words):
    message = refusal(tmp_path, a_weight(server.url, **published))
    assert all(word in message for word in words), message
    assert fetch_weight(tmp_path, a_weight(server.url)).read_bytes() == CONTENT
    assert server.asked == ["all", "all"]


@pytest.mark.parametrize("with_length", [True, False])
def test_page_instead_of_a_file_is_told(tmp_path, server, with_length):
    server.content, server.with_length = b"\n <!DOCTYPE html><html>Quota exceeded</html>", with_length
    message = refusal(tmp_path, a_weight(server.url))
    assert "web page" in message and server.url in message and str(tmp_path / "thing.pth") in message


def test_page_leaves_alone_what_has_arrived_before(tmp_path, server):
    work = tmp_path / ".download-thing"
    work.mkdir()
    (work / "part").write_bytes(CONTENT[:MIB])
    server.content, server.ranges = b"<html>log in</html>", False
    refusal(tmp_path, a_weight(server.url))
    server.content, server.ranges = CONTENT, True
    assert fetch_weight(tmp_path, a_weight(server.url)).read_bytes() == CONTENT


def test_empty_answer_is_no_file(tmp_path, server):
    server.content = b""
    assert "empty" in refusal(tmp_path, a_weight(server.url))


@pytest.mark.parametrize("status", [404, 403, 500])
def test_refusal_of_the_server_is_told_with_the_status(tmp_path, server, status):
    server.status = status
    message = refusal(tmp_path, a_weight(server.url))
    assert str(status) in message and "put it at" in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "http://no-such-host.invalid/x", "nonsense"])
def test_without_network_the_address_and_the_cure_are_told(tmp_path, url):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        message = refusal(tmp_path, a_weight(url.format(port=taken.getsockname()[1])))
    assert url.partition("{")[0] in message and str(tmp_path / "thing.pth") in message
    assert "object at 0x" not in message


def test_server_with_another_file_than_recorded_is_refused(tmp_path, server):
    weight = a_weight(server.url)
    fetch_weight(tmp_path, weight).unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(UserError) as caught:
        fetch_weight(tmp_path, weight)
    assert SHA256 in str(caught.value) and "delete" in str(caught.value)
    assert shown(tmp_path) == ["thing.pth.sha256.json"]
    server.content = CONTENT
    assert fetch_weight(tmp_path, weight).read_bytes() == CONTENT


def test_two_at_a_time_download_once(tmp_path, server):
    weight, found = a_weight(server.url), []
    threads = [threading.Thread(target=lambda: found.append(fetch_weight(tmp_path, weight))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and server.asked == ["all"]
    assert shown(tmp_path) == ["thing.pth", "thing.pth.sha256.json"]


def test_many_at_a_time_record_a_file_that_was_put_there(tmp_path):
    weight, failures = a_weight("http://127.0.0.1:9"), []
    (tmp_path / "thing.pth").write_bytes(bytes(100_000))

    def fetch() -> None:
        try:
            fetch_weight(tmp_path, weight)
        except OSError as error:
            failures.append(error)

    for _ in range(5):
        (tmp_path / "thing.pth.sha256.json").unlink(missing_ok=True)
        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures and (tmp_path / "thing.pth.sha256.json").is_file()


def test_what_cannot_be_downloaded_says_where_to_register(tmp_path):
    registration = Registration("https://example.org", "register, download version 2")
    message = refusal(tmp_path, Weight("thing", "thing.pth", "none", (), registration=registration))
    assert "https://example.org" in message and "version 2" in message and str(tmp_path / "thing.pth") in message


def test_google_drives_link_leads_to_the_bytes():
    assert direct_url("https://drive.google.com/uc?id=Ab-1") == (
        "https://drive.usercontent.google.com/download?id=Ab-1&export=download&confirm=t"
    )
    for other in ("https://example.org/uc?id=1", "https://drive.google.com/file/d/x/view"):
        assert direct_url(other) == other
