"""Cuts the beginning of a video into a file of its own, without decoding. On the calling thread."""

from __future__ import annotations

from pathlib import Path

import av

from app.core.errors import AppError


def cut(source: Path, seconds: float, folder: Path) -> Path:
    """Copies the first ``seconds`` of the video into a Matroska file, frames and sound untouched.

    Args:
        source: The video; only ever read.
        seconds: Length of the copy; a shorter video is copied whole.
        folder: Folder for the copy.

    Raises:
        AppError: The file is not a video, or cannot be copied.
    """
    target = folder / "clip.mkv"
    try:
        with av.open(str(source)) as given, av.open(str(target), "w", format="matroska") as taken:
            if not given.streams.video:
                raise AppError(f"{source.name} holds no video.")
            video = given.streams.video[0]
            copies = {each.index: taken.add_stream_from_template(each) for each in (video, *given.streams.audio)}
            first_s: float | None = None
            for packet in given.demux([video, *given.streams.audio]):
                if packet.dts is None:
                    continue
                if packet.stream.index == video.index:
                    now_s = float(packet.dts * packet.time_base)
                    first_s = now_s if first_s is None else first_s
                    if now_s - first_s >= seconds:
                        break
                packet.stream = copies[packet.stream.index]
                taken.mux(packet)
    except OSError as error:  # FFmpeg's own errors among them
        raise AppError(f"{source.name} cannot be copied for the measurement: {error.strerror or error}.") from error
    except (av.FFmpegError, ValueError) as error:
        raise AppError(f"{source.name} cannot be copied for the measurement: {error}.") from error
    return target
