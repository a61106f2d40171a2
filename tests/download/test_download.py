"""Downloads against a server that does everything a server can do wrong."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import sys
import threading
from pathlib import Path

import pytest

from detector.download import (
    DownloadProgress,
    DownloadStoppedError,
    FetchedFile,
    NetworkOptions,
    fetch,
    file_name,
    verify_file,
)
from detector.download.part import DownloadPart, writing
from detector.errors import DetectorError, Remedy
from detector.spec import WeightsFile
from tests.support.file_server import (
    Answer,
    FileServer,
    chunked,
    cut_after,
    raw,
    redirect,
    silence,
    whole,
)

CONTENT = random.Random(5).randbytes(700_001)
SHA = hashlib.sha256(CONTENT).hexdigest()
IMPATIENT = NetworkOptions(stall_s=0.2)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The computer's own proxy has no part in this."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> FileServer:
    with FileServer(CONTENT) as running:
        yield running  # type: ignore[misc]


class Bench:
    """One file to fetch from ``server`` into a folder of its own."""

    def __init__(self, server: FileServer, folder: Path) -> None:
        self.server = server
        self.target = folder / "downloads" / "net.pth"
        self.part = self.target.with_name("net.pth.part")
        self.note = self.target.with_name("net.pth.part.json")
        self.seen: list[DownloadProgress] = []
        self.options = NetworkOptions()

    def fetch(self, sha256: str = SHA, remembered: str = "", size: int = 0, path: str = "/a/net.pth") -> FetchedFile:
        weights = WeightsFile(self.server.address + path, sha256, size)
        return fetch(weights, self.target, options=self.options, remembered=remembered, on_progress=self.seen.append)

    def fails(self, *said: str, sha256: str = SHA, remembered: str = "", size: int = 0) -> DetectorError:
        with pytest.raises(DetectorError) as caught:
            self.fetch(sha256, remembered, size)
        for words in said:
            assert words in str(caught.value)
        assert not self.target.exists()
        return caught.value

    def interrupted(self, count: int = 300_000) -> None:
        """Leave a part of that size behind."""
        self.server.answers.extend([cut_after(count), cut_after(0)])
        self.fails("broke off", f"{count / 1e6:.1f} MB are kept")
        self.server.requests.clear()

    def headers(self, request: int = -1) -> dict[str, str]:
        return self.server.requests[request][1]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.target.parent.iterdir())


@pytest.fixture
def bench(server: FileServer, tmp_path: Path) -> Bench:
    return Bench(server, tmp_path)


# -- what goes well ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "remembered", "verified"),
    [
        (SHA, "", "full"),
        (SHA.upper(), SHA, "full"),
        (SHA[:8], "", "prefix"),
        (SHA[:8], SHA, "remembered"),
        ("", SHA, "remembered"),
        ("", "", "none"),
    ],
)
def test_a_file_arrives_whole_and_is_compared_with_what_is_known(
    bench: Bench, published: str, remembered: str, verified: str
) -> None:
    got = bench.fetch(published, remembered)
    assert got == FetchedFile(bench.target, SHA, verified)  # type: ignore[arg-type]
    assert bench.target.read_bytes() == CONTENT
    assert bench.left() == ["net.pth"]
    assert bench.headers()["Accept-Encoding"] == "identity"
    assert "Range" not in bench.headers()
    assert (bench.seen[0].done_bytes, bench.seen[0].total_bytes) == (0, len(CONTENT))
    assert (bench.seen[-1].done_bytes, bench.seen[-1].total_bytes) == (len(CONTENT), len(CONTENT))
    assert bench.seen[-1].bytes_per_s > 0


def test_a_file_that_is_there_is_verified_without_the_net(bench: Bench) -> None:
    bench.fetch()
    bench.server.requests.clear()
    assert bench.fetch() == FetchedFile(bench.target, SHA, "full")
    assert bench.server.requests == []
    bench.target.write_bytes(CONTENT[:-1])
    bench.fails("not the published file")
    assert bench.fetch().verified == "full"


def test_an_interrupted_download_goes_on_where_it_was(bench: Bench) -> None:
    bench.interrupted(300_000)
    assert bench.part.read_bytes() == CONTENT[:300_000]
    assert bench.fetch().verified == "full"
    assert bench.headers()["Range"] == "bytes=300000-"
    assert bench.headers()["If-Range"] == '"first"'
    assert bench.left() == ["net.pth"]


def test_a_connection_that_breaks_is_made_anew_while_it_brings_something(bench: Bench) -> None:
    bench.server.answers.extend([cut_after(100_000), cut_after(200_000), cut_after(1)])
    assert bench.fetch().verified == "full"
    assert [headers.get("Range") for _, headers in bench.server.requests] == [
        None,
        "bytes=100000-",
        "bytes=300000-",
        "bytes=300001-",
    ]


def test_a_connection_may_break_often_if_it_brings_much(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[fetch.__module__], "MANY_BYTES", 50_000)
    bench.server.answers.extend([cut_after(60_000)] * 11)
    assert bench.fetch().verified == "full"


def test_a_server_that_always_breaks_off_is_given_up(bench: Bench) -> None:
    bench.server.answers.extend([cut_after(10)] * 50)
    bench.fails("broke off")
    assert len(bench.server.requests) < 10


def test_a_part_that_was_whole_already_only_gets_its_name(bench: Bench) -> None:
    bench.interrupted(len(CONTENT) - 1)
    with bench.part.open("ab") as file:
        file.write(CONTENT[-1:])
    assert bench.fetch().verified == "full"
    assert bench.headers()["Range"] == f"bytes={len(CONTENT)}-"
    assert len(bench.server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(bench: Bench, status: int) -> None:
    bench.server.answers.extend([redirect("../b/o%20ther?x=1", status), redirect(bench.server.address + "/c/net.pth")])
    assert bench.fetch().verified == "full"
    assert [path for path, _ in bench.server.requests] == ["/a/net.pth", "/b/o%20ther?x=1", "/c/net.pth"]


@pytest.mark.parametrize("answer", [chunked(len(CONTENT)), whole(length=-1)])
def test_a_length_need_not_be_announced(bench: Bench, answer: Answer) -> None:
    bench.server.answers.append(answer)
    assert bench.fetch().verified == "full"
    assert {progress.total_bytes for progress in bench.seen} == {None}


# -- what a part must not be spliced with --------------------------------------------------------------------------


def test_a_file_that_changed_meanwhile_is_fetched_afresh(bench: Bench) -> None:
    bench.interrupted()
    bench.note.write_text(bench.note.read_text().replace("first", "older"))
    assert bench.fetch().verified == "full"
    assert bench.headers()["If-Range"] == '"older"'


@pytest.mark.parametrize(
    "answer",
    [
        whole(),  # ignores Range altogether
        cut_after(10**6, ETag='"second"'),  # ignores If-Range
        cut_after(10**6, Content_Range="bytes 1-700000/700001"),
        cut_after(10**6, Content_Range="bytes 300000-700009/700010"),
        cut_after(10**6, Content_Range="nonsense"),
        cut_after(10**6, Content_Range="bytes 300000-" + "9" * 5000 + "/*"),
        whole(b"", status=416),
        whole(b"", status=416, Content_Range="bytes */200"),
    ],
)
def test_a_server_that_resumes_wrongly_splices_nothing(bench: Bench, answer: Answer) -> None:
    bench.interrupted()
    bench.server.answers.append(answer)
    assert bench.fetch().verified == "full"
    assert bench.target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "note",
    [
        None,
        "",
        "[]",
        "{}",
        '{"url": 1, "validator": 2, "total": 3}',
        '{"url": "URL", "validator": "", "total": 700001}',
        '{"url": "URL", "validator": "x", "total": 5}',
        '{"url": "URL", "validator": "x", "total": "many"}',
        '{"url": "http://elsewhere", "validator": "x", "total": 700001}',
        "\ud800",
    ],
)
def test_a_part_of_unknown_origin_is_not_gone_on_with(bench: Bench, note: str | None) -> None:
    bench.interrupted()
    if note is None:
        bench.note.unlink()
    else:
        text = note.replace("URL", f"{bench.server.address}/a/net.pth")
        bench.note.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert bench.fetch().verified == "full"
    assert "Range" not in bench.headers()


def test_without_a_validator_a_download_starts_over(bench: Bench) -> None:
    bench.server.answers.extend([cut_after(1000, ETag="W/weak"), cut_after(0)])
    bench.fails("broke off")
    assert bench.left() == [], "what cannot be gone on with is not said to be kept"
    assert bench.fetch().verified == "full"
    assert "Range" not in bench.headers()


def test_only_what_can_be_gone_on_with_is_said_to_be_kept(bench: Bench, tmp_path: Path) -> None:
    bench.server.answers.extend([cut_after(300_000, ETag="W/weak"), cut_after(0)])
    assert "kept" not in str(bench.fails("broke off"))
    bench.interrupted(300_000)
    bench.server.answers.append(whole(b"", status=503))
    assert "0.3 MB are kept" in str(bench.fails("503"))
    bench.options = NetworkOptions(mirror=f"{bench.server.address}/elsewhere")
    bench.server.answers.append(whole(b"", status=503))
    assert "kept" not in str(bench.fails("503"))
    bench.options = NetworkOptions()
    assert bench.fetch().verified == "full"
    assert bench.headers()["Range"] == "bytes=300000-", "another mirror that failed cost nothing"


def test_a_date_serves_where_there_is_no_strong_tag(bench: Bench) -> None:
    date = "Wed, 21 Oct 2020 07:28:00 GMT"
    weakly = {"ETag": 'W/"weak"', "Last_Modified": date}
    bench.server.answers.extend([cut_after(1000, **weakly), cut_after(0, **weakly)])
    bench.fails("broke off")
    assert json.loads(bench.note.read_text())["validator"] == date


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("published", [SHA, SHA[:8]])
def test_the_wrong_bytes_are_refused_and_thrown_away(bench: Bench, published: str) -> None:
    bench.server.content = CONTENT[:-1] + b"?"
    bench.fails("not the published file", SHA[:8], sha256=published)
    assert bench.left() == []


def test_bytes_other_than_those_of_the_first_time_are_refused(bench: Bench) -> None:
    bench.fails("first fetched here", SHA, sha256="", remembered="0" * 64)
    assert bench.left() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (whole(b"<!DOCTYPE html><title>Log in", Content_Type="text/html; charset=utf-8"), "web page"),
        (whole(b" \n<html>please log in", Content_Type="application/octet-stream"), "web page"),
        (whole(b"\x1f\x8b...", Content_Encoding="gzip"), "packed"),
        (whole(b"", status=404), "does not have net.pth (404)"),
        (whole(b"", status=403), "does not give net.pth out (403)"),
        (whole(b"", status=500), "cannot serve net.pth now (500)"),
        (whole(b"", status=503), "Try again later"),
        (whole(b"", status=429), "Try again later"),
        (whole(b"", status=407), "status 407 instead"),
        (whole(b"", status=206), "contradicts itself"),
        (whole(b"x", status=299), "status 299"),
        (whole(b""), "empty file"),
        (whole(length=2**40), "far too much"),
        (redirect("file:///etc/passwd"), "redirects to file:"),
        (redirect("ftp://127.0.0.1/x"), "redirects to ftp:"),
        (redirect("http://127.0.0.1:99999/"), "no usable address"),
        (redirect("//[::zz]/x"), "redirects to an address that is none"),
        (redirect("http://.com/"), "no usable address"),
        (redirect(f"https://{'x' * 70}.com/"), "no usable address"),
        (redirect("http://127.0.0.1:1/x"), "refuses the connection"),
        (redirect(""), "status 302"),
        (whole(b"", status=416, Content_Range="bytes */" + "9" * 5000), "status 416"),
        (raw(b"SSH-2.0-OpenSSH\r\n"), "not HTTP"),
        (raw(b""), "broke off"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"), "not HTTP"),
    ],
)
def test_answers_that_are_not_the_file_are_one_clear_line(bench: Bench, answer: Answer, said: str) -> None:
    bench.server.answers.extend([answer] * 10)
    error = bench.fails(said)
    assert "\n" not in str(error)
    assert error.hint


@pytest.mark.parametrize("answer", [silence, cut_after(1000, silent=True)])
def test_a_server_that_falls_silent_is_given_up(bench: Bench, answer: Answer) -> None:
    bench.options = IMPATIENT
    bench.server.answers.extend([answer] * 10)
    bench.fails("fell silent", "another way")


def test_redirects_in_a_circle_end(bench: Bench) -> None:
    bench.server.answers.extend([redirect("/a/net.pth")] * 100)
    bench.fails("in circles")
    assert len(bench.server.requests) < 20


def test_more_than_the_file_can_have_is_not_kept(bench: Bench) -> None:
    bench.server.answers.append(whole(length=-1))
    bench.fails("sends more than", size=100_000)
    assert bench.left() == []


def test_a_length_too_short_yields_the_wrong_bytes(bench: Bench) -> None:
    bench.server.answers.append(whole(length=5000))
    bench.fails("not the published file")
    assert bench.left() == []


def test_a_length_too_long_is_a_connection_that_broke(bench: Bench) -> None:
    lie = whole(length=len(CONTENT) + 50_000)
    bench.server.answers.extend([lie] * 10)
    bench.fails("broke off")
    bench.server.answers.clear()
    assert bench.fetch().verified == "full"


def test_chunks_without_an_end_are_a_connection_that_broke(bench: Bench) -> None:
    bench.server.answers.extend([chunked(5000, finished=False), cut_after(0)])
    bench.fails("broke off")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "/just/a/path", "http://", "http://a b/x\n"])
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DetectorError):
        fetch(WeightsFile(url, "", 0), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_no_network_says_what_to_do(tmp_path: Path) -> None:
    weights = WeightsFile("http://nowhere.invalid/net.pth", "", 0)
    with pytest.raises(DetectorError) as caught:
        fetch(weights, tmp_path / "net.pth")
    assert "nowhere.invalid is not found" in caught.value.message
    assert caught.value.remedies == (Remedy("weights-dir", "DIR"),)
    assert "http://nowhere.invalid/net.pth" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


# -- stopping, and others ------------------------------------------------------------------------------------------


def test_a_stop_ends_a_silent_download_at_once(server: FileServer, tmp_path: Path) -> None:
    server.answers.append(silence)
    stop = threading.Event()
    threading.Thread(target=lambda: server.stalled.wait(60) and stop.set()).start()
    patient = NetworkOptions(stall_s=3600.0)  # the test's own time limit is what a slow stop would meet
    with pytest.raises(DownloadStoppedError):
        fetch(WeightsFile(server.address + "/net.pth", SHA, 0), tmp_path / "net.pth", options=patient, stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_keeps_what_came(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.server.answers.append(cut_after(300_000, silent=True))
    stop, write = threading.Event(), DownloadPart.write

    def write_and_stop(part: DownloadPart, block: bytes) -> None:
        write(part, block)
        if part.size == 300_000:
            stop.set()

    monkeypatch.setattr(DownloadPart, "write", write_and_stop)
    weights = WeightsFile(bench.server.address + "/a/net.pth", SHA, 0)
    with pytest.raises(DownloadStoppedError, match=r"0\.3 MB are kept"):
        fetch(weights, bench.target, options=NetworkOptions(stall_s=3600.0), stop=stop)
    assert bench.left() == ["net.pth.part", "net.pth.part.json"]
    assert bench.fetch().verified == "full"
    assert bench.headers()["Range"] == "bytes=300000-"


def test_a_stop_ends_the_wait_for_a_name_look_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, over = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> None:
        stop.set()
        over.wait(60)
        raise OSError("late")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    with pytest.raises(DownloadStoppedError):
        fetch(WeightsFile("http://slow.invalid/net.pth", "", 0), tmp_path / "net.pth", stop=stop)
    over.set()


def test_two_downloads_of_one_file_do_not_meet(server: FileServer, tmp_path: Path) -> None:
    server.answers.append(cut_after(1000, silent=True))
    stop = threading.Event()
    weights = WeightsFile(server.address + "/net.pth", SHA, 0)
    ended: list[Exception] = []

    def first() -> None:
        try:
            fetch(weights, tmp_path / "net.pth", stop=stop)
        except DownloadStoppedError as error:
            ended.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert server.stalled.wait(60)
    with pytest.raises(DetectorError, match="being downloaded by another program"):
        fetch(weights, tmp_path / "net.pth")
    stop.set()
    thread.join()
    assert len(ended) == 1
    assert fetch(weights, tmp_path / "net.pth").sha256 == SHA


def test_a_part_that_is_a_link_is_not_written_through(bench: Bench, tmp_path: Path) -> None:
    bench.target.parent.mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    bench.part.symlink_to(tmp_path / "precious")
    assert bench.fetch().verified == "full"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_full_disk_is_foreseen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    bench.fails("too full for net.pth", "Free some space")
    assert bench.left() == []


def test_a_disk_that_fills_up_keeps_what_came(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, count = DownloadPart.write, 0

    def write(self: DownloadPart, block: bytes) -> None:
        nonlocal count
        count += 1
        if count > 1:
            with writing(self.target):
                raise OSError(28, "No space left on device")
        real(self, block)

    monkeypatch.setattr(DownloadPart, "write", write)
    bench.fails("The disk is full", "Free some space", "the next download goes on from there")
    assert bench.part.stat().st_size > 0


def test_a_folder_that_cannot_be_written_to_is_one_line(bench: Bench) -> None:
    bench.target.parent.write_bytes(b"a file is in the way")
    bench.fails("Cannot write to")


# -- files that came another way -----------------------------------------------------------------------------------


def test_a_file_fetched_by_hand_is_verified_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(CONTENT)
    assert verify_file(path, WeightsFile("", SHA[:8], 0)) == FetchedFile(path, SHA, "prefix")
    with pytest.raises(DetectorError, match="not the published file"):
        verify_file(path, WeightsFile("", "0" * 64, 0))
    path.write_bytes(b"<html>")
    with pytest.raises(DetectorError, match="web page"):
        verify_file(path, WeightsFile("", "", 0))
    with pytest.raises(DetectorError, match="Cannot read"):
        verify_file(tmp_path / "gone.pth", WeightsFile("", "", 0))


def test_the_published_name_is_the_last_part_of_the_address() -> None:
    assert file_name(WeightsFile("https://host/a/b%20c.pth?raw=1#x", "", 0)) == "b c.pth"


def test_a_mirror_has_the_file_under_its_published_name(server: FileServer, tmp_path: Path) -> None:
    weights = WeightsFile("https://nowhere.invalid/models/net.pth?raw=true", SHA, 0)
    options = NetworkOptions(mirror=f" {server.address}/our/files/ ")
    assert fetch(weights, tmp_path / "net.pth", options=options).verified == "full"
    assert server.requests[0][0] == "/our/files/net.pth"
    options = NetworkOptions(mirror=f"{server.address}/our/?key=1#top")
    assert fetch(weights, tmp_path / "again.pth", options=options).verified == "full"
    assert server.requests[1][0] == "/our/net.pth?key=1"
    for wrong in ("ftp://x/y", "somewhere", "file:///models", "http://h/\udcff", "http://[::zz]/"):
        with pytest.raises(DetectorError, match="mirror"):
            fetch(weights, tmp_path / "other.pth", options=NetworkOptions(mirror=wrong))


def test_the_address_may_carry_a_password_and_no_message_repeats_it(server: FileServer, tmp_path: Path) -> None:
    address = server.address.replace("http://", "http://me:s3cret@")
    assert fetch(WeightsFile(f"{address}/net.pth", SHA, 0), tmp_path / "a.pth").verified == "full"
    assert server.requests[0][1]["Authorization"] == "Basic bWU6czNjcmV0"
    server.answers.append(whole(b"", status=403))
    with pytest.raises(DetectorError) as caught:
        fetch(WeightsFile("http://x/net.pth", SHA, 0), tmp_path / "b.pth", options=NetworkOptions(mirror=address))
    assert "s3cret" not in str(caught.value)


def test_no_password_is_left_on_the_disk(bench: Bench) -> None:
    login = bench.server.address.replace("http://", "http://me:s3cret@")
    bench.options = NetworkOptions(mirror=f"{login}/m?key=hidden")
    bench.interrupted()
    assert "s3cret" not in bench.note.read_text()
    assert "hidden" not in bench.note.read_text()
    assert bench.fetch().verified == "full"
    assert bench.headers()["Range"] == "bytes=300000-"


def test_more_than_the_rest_is_not_spliced_on(bench: Bench) -> None:
    bench.interrupted()
    rest = f"bytes 300000-{len(CONTENT) - 1}/{len(CONTENT)}"
    bench.server.answers.append(whole(CONTENT[300_000:] + b"more", length=-1, status=206, Content_Range=rest))
    bench.fails("contradicts itself", sha256="")
    assert bench.left() == []


def test_an_address_that_leads_nowhere_is_followed_by_the_next(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.address.rpartition(":")[2])
    six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"2001:db8::{n}", port, 0, 0)) for n in range(1, 9)]
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    real, tried = socket.create_connection, []

    def try_one(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append((address[0], timeout))
        if ":" in address[0]:
            raise TimeoutError("timed out")
        monkeypatch.undo()
        return real(address, timeout)

    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [*six, four])
    monkeypatch.setattr("socket.create_connection", try_one)
    weights = WeightsFile(f"http://many.invalid:{port}/net.pth", SHA, 0)
    assert fetch(weights, tmp_path / "net.pth").verified == "full"
    assert tried == [("2001:db8::1", 5.0), ("127.0.0.1", 5.0)]
