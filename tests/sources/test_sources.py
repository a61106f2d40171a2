"""Images, folders, URLs and names of sources; bad ones say so in one line."""

from __future__ import annotations

import io
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.core.addresses import redact
from app.core.errors import AppError
from app.core.frames import Frame
from app.core.settings import SourceSettings
from app.core.sources.base import SeekableSource, SourceOptions
from app.core.sources.images import natural_key, read_image
from app.core.sources.uri import kind_by_name, kind_of, open_source, shown_name
from tests.support.media import make_video
from tools.fixtures.coded_images import coded_image, read_frame_index


def write_image(path: Path, index: int, size: tuple[int, int] = (60, 40)) -> Path:
    good, data = cv2.imencode(path.suffix, coded_image(index, size))
    assert good
    path.write_bytes(data.tobytes())
    return path


def open_folder(path: Path) -> SeekableSource:
    source = open_source(str(path))
    assert isinstance(source, SeekableSource)
    return source


def names(source: SeekableSource) -> list[str]:
    found = []
    while (frame := source.read()) is not None:
        found.append(frame.name)
    return found


def index_of(frame: Frame | None) -> int:
    assert frame is not None
    return read_frame_index(frame.image_bgr)


def test_an_image_is_given_once(tmp_path: Path) -> None:
    source = open_source(str(write_image(tmp_path / "テスト é.png", 5)))
    assert (source.info.kind, source.info.width, source.info.height) == ("image", 60, 40)
    assert index_of(source.read()) == 5
    assert source.read() is None
    assert not isinstance(source, SeekableSource)
    source.close()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    """Each EXIF orientation, stored as a camera held that way would."""
    upright = Image.fromarray(coded_image(9, (60, 40)))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "jpeg", exif=exif, quality=95)
    path = tmp_path / "photo.jpg"
    path.write_bytes(buffer.getvalue())
    image = read_image(path)
    assert image.shape == (40, 60, 3)
    assert read_frame_index(image) == 9


@pytest.mark.parametrize("content", [b"", b"no frame", b"\xff\xd8\xff\xe0 broken"])
def test_unreadable_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(AppError, match=r"bad\.jpg is not a readable image") as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_grey_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    for name, channels in (("grey.png", 1), ("clear.png", 4)):
        good, data = cv2.imencode(".png", np.zeros((3, 5, channels), np.uint8))
        assert good
        (tmp_path / name).write_bytes(data.tobytes())
        assert read_image(tmp_path / name).shape == (3, 5, 3)


def test_folder_in_natural_order_with_unreadable_ones_skipped(tmp_path: Path) -> None:
    for index, name in enumerate(["img1.png", "img2.png", "img10.png", "Img11.PNG"]):
        write_image(tmp_path / name, index) if name.islower() else write_image(tmp_path / "x.png", index).rename(
            tmp_path / name
        )
    (tmp_path / "img3.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    source = open_folder(tmp_path)
    info = source.info
    assert (info.kind, info.frame_count, info.fps, info.duration_s) == ("folder", 5, 2, Fraction(5, 2))
    assert names(source) == ["img1.png", "img2.png", "img10.png", "Img11.PNG"]
    assert source.take_notes() == ("Skipped: img3.png is not a readable image.",)
    source.seek(Fraction(1))
    assert names(source) == ["img10.png", "Img11.PNG"]
    assert source.take_notes() == ()
    source.seek(Fraction(99))
    assert names(source) == ["Img11.PNG"]
    source.seek_before(Fraction(3, 2))
    assert names(source)[0] == "img2.png"
    source.seek_before(Fraction(0))
    assert names(source)[0] == "img1.png"


def test_folder_frames_have_their_own_sizes_and_times(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 1, (60, 40))
    write_image(tmp_path / "b.png", 2, (100, 50))
    source = open_folder(tmp_path)
    first, second = source.read(), source.read()
    assert first is not None
    assert second is not None
    assert [(f.width, f.height, f.index, f.pts_s) for f in (first, second)] == [
        (60, 40, 0, Fraction(0)),
        (100, 50, 1, Fraction(1, 2)),
    ]


def test_folders_that_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="holds no images"):
        open_source(str(tmp_path))
    (tmp_path / "bad.png").write_bytes(b"broken")
    with pytest.raises(AppError, match="None of the 1 images"):
        open_source(str(tmp_path))


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=6))
def test_natural_order_sorts_numbers_by_value(numbers: list[int]) -> None:
    by_name = sorted((f"frame_{number}.png" for number in numbers), key=natural_key)
    assert by_name == [f"frame_{number}.png" for number in sorted(numbers)]


@given(st.text(max_size=8), st.text(max_size=8))
def test_natural_order_compares_any_names(first: str, second: str) -> None:
    one, other = natural_key(first), natural_key(second)
    assert one == other or (one < other) != (other < one)


def test_kinds(tmp_path: Path) -> None:
    assert kind_of("camera:0") == "camera"
    assert kind_of("rtsp://host/a.mp4") == "stream"
    assert kind_of("HTTP://host/") == "stream"
    assert kind_of(str(tmp_path)) == "folder"
    assert kind_of("photo.JPEG") == "image"
    assert kind_of("clip.mp4") == "video"
    assert kind_of("x" * 5000) == "video"


def test_the_words_of_a_source_are_understood_without_looking_at_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise AssertionError("a dead network folder would stop the window here")

    for name in ("stat", "is_dir", "is_file", "exists"):
        monkeypatch.setattr(Path, name, gone)
    words = ("camera:0", "http://host/", "a.png", "a/b", "/x/a.mp4")
    assert [kind_by_name(uri) for uri in words] == ["camera", "stream", "image", "folder", "video"]
    assert shown_name("/gone/a.mp4") == "a.mp4"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.5:554/live", "rtsp://***@10.0.0.5:554/live"),
        ("http://u@host/x?token=abc&size=2", "http://***@host/x?token=***&size=2"),
        ("https://host/x?Password=p%40ss#secret", "https://host/x?Password=***"),
        ("http://a:p@ss@host/", "http://***@host/"),
        ("rtsp://[bad/x", "rtsp://[bad/x"),
        ("/home/me/a@b.mp4", "/home/me/a@b.mp4"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert redact(url) == shown


@given(st.text("abcXYZ019@:/?&=#%[]", min_size=6))
def test_no_password_survives(password: str) -> None:
    secret = f"S3{password}S3"
    assert secret not in redact(f"rtsp://user:{secret}@host/live")


def test_shown_names() -> None:
    assert shown_name("camera:Webcam") == "camera Webcam"
    assert shown_name("/films/a.mp4") == "a.mp4"
    assert shown_name("http://a:b@host/c") == "http://***@host/c"


def test_unknown_scheme() -> None:
    with pytest.raises(AppError, match="ftp:// is not understood"):
        open_source("ftp://host/a.mp4")


@pytest.mark.parametrize(
    ("answer", "says"),
    [(401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"), (200, "is a web page, not a video")],
)
def test_addresses_that_lead_nowhere_say_why_without_the_password(answer: int, says: str) -> None:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            with pytest.raises(AppError, match=says) as caught:
                open_source(f"http://admin:hunter2@127.0.0.1:{server.server_address[1]}/camera")
        finally:
            server.shutdown()  # a test that fails ends as well
            thread.join()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ("password" in caught.value.hint) == (answer in (401, 403))


def test_options_from_settings() -> None:
    options = SourceOptions.from_settings(SourceSettings(resolution="1280x720", fps=30, loop=True))
    assert (options.resolution, options.fps, options.loop) == ((1280, 720), 30, True)
    assert SourceOptions.from_settings(SourceSettings()).resolution is None


def test_video_opens_by_path(tmp_path: Path) -> None:
    source = open_source(str(make_video(tmp_path / "a.mp4", frames=3)))
    assert isinstance(source, SeekableSource)
    assert source.info.kind == "video"
    assert [index_of(source.read()) for _ in range(3)] == [0, 1, 2]
    source.close()
