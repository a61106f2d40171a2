"""Converting beside encoding: frames become YUV on the caller's thread and are encoded on ``ssdv-export-encode``.

Painting a frame and turning it to YUV take longer than handing it to an encoder that has threads of its own; one thread
for all of it would hold back whatever is faster than some hundred frames a second.
"""

from __future__ import annotations

import threading
from fractions import Fraction

import av

from app.core.channels import Channel, Closed
from app.core.frames import DecodedFrame
from app.core.muxing.video_file import VideoFile
from app.core.workers import Worker

_WAITING = 4  # frames


class OverlappedVideo:
    """A ``VideoFile`` whose two halves run side by side; used as one is.

    Args:
        video: The file, in which nothing is written yet. From here on only this touches it.
    """

    def __init__(self, video: VideoFile) -> None:
        self._video = video
        self._converted = Channel[tuple[av.VideoFrame, Fraction]](_WAITING)
        self._worker = Worker("export-encode", self._encode, self._fail)
        self._failure: BaseException | None = None
        self._started = False

    @property
    def encoder(self) -> str:
        """See ``VideoFile``."""
        return self._video.encoder

    @property
    def notes(self) -> tuple[str, ...]:
        """See ``VideoFile``; complete when the file is."""
        return self._video.notes

    def write(self, frame: DecodedFrame) -> None:
        """See ``VideoFile``; what fails in encoding is raised by a later call."""
        converted = self._video.convert(frame)
        if not self._started:
            self._started = True
            self._worker.start()
        self._converted.put((converted, frame.pts_s))

    def complete(self) -> None:
        """See ``VideoFile``."""
        self._converted.close()
        self._join()
        if self._failure is not None:
            raise self._failure
        self._video.complete()

    def finish(self) -> None:
        """See ``VideoFile``."""
        self._video.finish()

    def discard(self) -> None:
        """See ``VideoFile``. Where encoding may be waiting for room on the disk, that wait must have been ended."""
        self._converted.fail(Closed())
        self._join()
        self._video.discard()

    def _join(self) -> None:
        while not self._worker.join(0.5):
            pass

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._converted.fail(error)

    def _encode(self, _stopping: threading.Event) -> None:
        for frame, pts_s in self._converted:
            self._video.append(frame, pts_s)
