"""Frames of live streams as files show them: upright, cropped, transparent parts on black, of one size throughout."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.sources.base import SourceOptions
from app.core.sources.stream import StreamSource
from app.core.sources.video import VideoReader
from tests.support.media import make_changing_video, make_transparent_video, make_video
from tools.fixtures.cropped_video import with_clap

_PATIENT = SourceOptions(open_timeout_s=10, stall_s=10)


@contextmanager
def _live(content: bytes, kind: str) -> Iterator[str]:
    """A server that sends the same to all who ask, and never says how long it is."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listener.accept()
            except OSError:
                return
            with visitor:
                try:
                    visitor.recv(65536)
                    visitor.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + content)
                except OSError:  # who asks may hang up at any time
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/live"


def _as_live(source: Path, form: str) -> bytes:
    """Copies the video of a file into a container without a length, as broadcasters send it."""
    written = io.BytesIO()
    with av.open(str(source)) as container, av.open(written, "w", format=form, options={"live": "1"}) as output:
        stream = container.streams.video[0]
        target = output.add_stream_from_template(stream)
        target.metadata.update(stream.metadata)
        for packet in container.demux(stream):
            if packet.size:
                packet.stream = target
                output.mux(packet)
    return written.getvalue()


def _same_as_file(source: Path, content: bytes, kind: str) -> tuple[str, ...]:
    """Checks a stream's frames against those of the file, pixel by pixel; returns the stream's notes."""
    reader, count = VideoReader(source), 0
    with _live(content, kind) as url:
        stream = StreamSource(url, _PATIENT)
        assert (stream.info.width, stream.info.height) == (reader.info.width, reader.info.height)
        while (expected := reader.read()) is not None:
            frame = stream.read()
            assert frame is not None
            assert frame.index == count
            assert np.array_equal(frame.image_bgr, expected.image_bgr)
            count += 1
        notes = stream.take_notes()
        assert stream.take_notes() == ()
        stream.close()
    reader.close()
    assert count >= 5
    return notes


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_hidden_colours_of_a_stream_are_black(tmp_path: Path, codec: str) -> None:
    source = make_transparent_video(tmp_path / "in.webm", codec)
    notes = _same_as_file(source, _as_live(source, "webm"), "video/webm")
    assert "Transparent parts are shown on black." in notes


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_stream_is_turned_as_its_container_says(tmp_path: Path, rotation: int) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5, size=(96, 64), rotation=rotation)
    _same_as_file(source, _as_live(source, "matroska"), "video/x-matroska")


def test_a_stream_is_cropped_as_its_container_says(tmp_path: Path) -> None:
    source = make_video(tmp_path / "plain.mp4", frames=5, size=(320, 240))
    cropped = tmp_path / "in.mp4"
    cropped.write_bytes(with_clap(source.read_bytes(), 320, 240, (10, 20, 31, 41)))
    _same_as_file(cropped, _as_live(cropped, "matroska"), "video/x-matroska")


def test_a_stream_keeps_its_size(tmp_path: Path) -> None:
    source = make_changing_video(tmp_path / "in.ts", (96, 64), (192, 128))
    notes = _same_as_file(source, source.read_bytes(), "video/mp2t")
    assert any("scaled to 96 x 64" in note for note in notes)
