"""Painting beside encoding: frames are drawn on the caller's thread and encoded on ``ssdv-export-encode``.

Painting and turning a picture to YUV take longer than handing it to an encoder that has threads of its own; one thread
for both would hold back whatever is faster than some hundred frames a second.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction

import av

from app.core.channels import Channel, Closed
from app.core.muxing.video_file import VideoFile
from app.core.sources.video import DecodedFrame
from app.core.workers import Worker
from detector.detections import Detections

_WAITING = 4  # frames


class OverlappedVideo:
    """A ``VideoFile`` whose two halves run side by side; used as one is.

    Args:
        video: The file, in which nothing is written yet. From here on only this touches it.
    """

    def __init__(self, video: VideoFile) -> None:
        self._video = video
        self._drawn = Channel[tuple[av.VideoFrame, Fraction]](_WAITING)
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

    def write(
        self, picture: DecodedFrame, detections: Detections, labels: Sequence[str], tracks: Sequence[int | None] = ()
    ) -> None:
        """See ``VideoFile``; what fails in encoding is raised by a later call."""
        frame = self._video.draw(picture, detections, labels, tracks)
        if not self._started:
            self._started = True
            self._worker.start()
        self._drawn.put((frame, picture.pts_s))

    def complete(self) -> None:
        """See ``VideoFile``."""
        self._drawn.close()
        self._join()
        if self._failure is not None:
            raise self._failure
        self._video.complete()

    def finish(self) -> None:
        """See ``VideoFile``."""
        self._video.finish()

    def discard(self) -> None:
        """See ``VideoFile``. Where encoding may be waiting for room on the disk, that wait must have been ended."""
        self._drawn.fail(Closed())
        self._join()
        self._video.discard()

    def _join(self) -> None:
        while not self._worker.join(0.5):
            pass

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._drawn.fail(error)

    def _encode(self, _stopping: threading.Event) -> None:
        for frame, pts_s in self._drawn:
            self._video.append(frame, pts_s)
