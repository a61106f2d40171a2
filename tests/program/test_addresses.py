"""Addresses: recognised however they are written, and never shown with their secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import is_address, redact, with_schemes, without_passwords
from app.core.sources.uri import kind_by_name, kind_of, shown_name
from tests.support.command_line import Capture, check_one_line, run


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rtsp://cam/live", True),
        ("RTSPS://cam", True),
        ("rtsp:/cam/live", True),  # what a path makes of it
        ("srt://cam:9000", True),
        ("rtmp:/cam/app", True),
        ("whatever://cam", True),
        ("C:/films/a.mp4", False),
        ("camera:0", False),
        ("file:///a.mp4", False),
        ("a.mp4", False),
        ("notes:/a.mp4", False),
    ],
)
def test_addresses_are_told_from_files(source: str, expected: bool) -> None:
    assert is_address(source) is expected


@pytest.mark.parametrize(
    ("typed", "schemes"),
    [
        ("192.168.1.5:554/x", ["rtsp", "http"]),
        ("cam.local/stream", ["rtsp", "http", "https"]),
        ("192.168.1.5", ["rtsp", "http", "https"]),
        ("cam.local:8443/a", ["https", "http"]),
        ("cam.local:322/a", ["rtsps", "rtsp"]),
        ("localhost:8080/video.mjpg", ["http", "https", "rtsp"]),
        ("[fe80::1]:8554/live", ["rtsp", "http"]),
        ("jane:pw@cam.local/live", ["rtsp", "http", "https"]),
        ("clip.mov", []),
        ("clip.mov:1", ["http", "https", "rtsp"]),
        ("folder/clip.mov", []),
        ("./cam.local/x", []),
        ("/cam.local/x", []),
        ("a b.local/x", []),
        ("cam.local:99999/x", []),
        ("cam.local:x/y", []),
        ("C:\\films\\a.mp4", []),
        ("999", []),
        ("", []),
    ],
)
def test_addresses_without_a_scheme(typed: str, schemes: list[str]) -> None:
    assert [address.partition(":")[0] for address in with_schemes(typed)] == schemes
    assert all(address.endswith(f"://{typed}") for address in with_schemes(typed))


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert kind_of("cam.local/stream") == kind_by_name("cam.local/stream") == "stream"
    (tmp_path / "cam.local").mkdir()
    (tmp_path / "cam.local" / "stream").touch()
    assert kind_of("cam.local/stream") == "video"


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://jane:S3CRET@cam/live",
        "rtsp:/jane:S3CRET@cam/live",
        "srt://cam:9000?passphrase=S3CRET",
        "rtmp://jane:S3'CRET@cam/app",
        "RTSP://jane:S3/CR?ET@cam/live",
        "jane:S3CRET@192.168.1.5:554/x",
        "http://cam/video?token=S3CRET",
    ],
)
def test_secrets_are_not_shown(address: str, capsys: Capture) -> None:
    for shown in (redact(address), shown_name(address)):
        assert "S3" not in shown
        assert "CRET" not in shown
    for command in (["annotate"], ["detect"], ["bench", "--source"]):
        code, out, err = run(capsys, *command, address)
        assert code == 2
        assert "CRET" not in out + err
        check_one_line(err, "is the address of a stream", "ssd-viewer ADDRESS")


def test_annotate_keeps_nothing_of_an_address(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "annotate", "rtsp://jane:S3CRET@cam/live", "--json", "-")
    assert code == 2
    assert not out or "S3CRET" not in json.dumps(out)
    assert list(tmp_path.rglob("*")) == []


@given(st.text("abcXYZ019@:/?&=#%[]'\"", min_size=6))
def test_no_password_survives_in_a_text(password: str) -> None:
    secret = f"S3{password}S3"
    assert secret not in without_passwords(f"it failed at rtsp://user:{secret}@host/live, again")


def test_texts_without_addresses_stay_as_they_are() -> None:
    text = "C:/films/a.mp4: 3 of 5, see https://example.org/page and mail@example.org"
    assert without_passwords(text) == text
