"""Damaged videos, all the way from the container to a finished export, as a target.

The work is done by another process, fed one path at a time: so a crash inside a codec, a hang, and memory without end
are found, and do not end the run. ``python -m tools.fuzz export --inputs 10000``.
"""

from __future__ import annotations

import atexit
import importlib
import resource
import select
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from detector.errors import ExplainedError
from tests.support.rich_media import Rich, make_rich
from tools.fuzz.mutations import damage
from tools.fuzz.run import Target

_HANG_S = 15.0
_MEMORY = 4 << 30
_SMALL = (64, 48)
_QUICK = {"preset": "ultrafast"}
_WEB = {"deadline": "realtime", "cpu-used": "8"}
_WORDS = (
    b"moov", b"trak", b"stts", b"stsz", b"stco", b"elst", b"mdat", b"moof", b"avcC", b"hvcC", b"\x00\x00\x00\x01",
    b"\x00\x00\x01\xb3", b"\x1a\x45\xdf\xa3", b"\x1f\x43\xb6\x75", b"\xa3", b"\x47\x40\x00", b"RIFF", b"idx1", b"00dc",
    b"strf", b"GIF89a", b"\x21\xf9\x04", b"\x2c", b"\xff\xf1", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00",
)  # fmt: skip
_KINDS: tuple[tuple[str, Rich], ...] = (
    (".mp4", Rich(12, _SMALL, options=_QUICK, sound=(("aac", 44100),), subtitles=("mov_text",), chapters=True,
                  metadata={"title": "T"}, time_code="01:00:00:00", turn=(90, False, False), aspect=None)),
    (".mp4", Rich(8, _SMALL, "libx265", "yuv420p10le", options={"x265-params": "log-level=none", **_QUICK},
                  colour=(9, 16, 9, 1))),
    (".mkv", Rich(12, _SMALL, options=_QUICK, sound=(("libopus", 48000), ("flac", 44100)), subtitles=("subrip", "ass"),
                  chapters=True, attachment="note.txt")),
    (".webm", Rich(8, _SMALL, "libvpx-vp9", options=_WEB, sound=(("libopus", 48000),), subtitles=("webvtt",))),
    (".ts", Rich(12, _SMALL, options=_QUICK, sound=(("mp2", 48000),))),
    (".avi", Rich(12, _SMALL, "mpeg4", sound=(("libmp3lame", 44100),))),
    (".mov", Rich(6, _SMALL, "mjpeg", "yuvj420p", sound=(("pcm_mulaw", 8000),))),
    (".gif", Rich(8, _SMALL, "gif", "rgb8")),
)  # fmt: skip


class CrashError(Exception):
    """The process died."""


class HungError(Exception):
    """The process gave no answer."""


class WrongError(Exception):
    """The export is not what its report says."""


class _Child:
    """Another process that exports what it is told to."""

    def __init__(self) -> None:
        atexit.register(self.stop)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tools.fuzz.video"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        return process

    def export(self, path: Path) -> None:
        """Export ``path``.

        Raises:
            ExplainedError: It was refused with a line for people.
            CrashError, HungError, WrongError: Findings.
        """
        if self._process.poll() is not None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        try:
            if not select.select([process.stdout], [], [], _HANG_S)[0]:
                raise HungError(f"no answer in {_HANG_S:.0f} s")
            answer = process.stdout.readline()
        except BaseException:  # the caller's own limit, too: a late answer must not pass for the next one's
            self.stop()
            raise
        kind, _, text = answer.rstrip("\n").partition(" ")
        if kind == "refused":
            raise ExplainedError(text)
        if kind == "wrong":
            raise WrongError(text)
        if kind != "done":
            code = process.wait()
            raise CrashError(f"ended with {code}")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def video_target() -> Target:
    """The whole way of a video through an export."""
    with TemporaryDirectory() as folder:
        seeds = tuple(
            make_rich(Path(folder) / f"{number}{suffix}", kind).read_bytes()
            for number, (suffix, kind) in enumerate(_KINDS)
        )
    child = _Child()
    raw = partial(damage, words=_WORDS)
    # FFmpeg goes by content: one ending does for all.
    return Target(".mp4", child.export, seeds, (raw, _scatter, _cut))


def _scatter(content: bytes, random: Random) -> bytes:
    """Single bytes changed all over, as a bad line does it."""
    result = bytearray(content)
    for _ in range(random.randint(1, max(1, len(content) // 200))):
        result[random.randrange(len(result))] = random.randrange(256)
    return bytes(result)


def _cut(content: bytes, random: Random) -> bytes:
    """The head, the tail or a piece of the middle is missing, or stands twice."""
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    match random.randrange(4):
        case 0:
            return content[first:]
        case 1:
            return content[:last]
        case 2:
            return content[:first] + content[last:]
        case _:
            return content[:last] + content[first:]


def _serve() -> None:
    """Export what is named on standard input; a line of answer for each."""
    importlib.import_module("app.core.export.job")  # takes longer than an input may
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.RLIM_INFINITY))
    with TemporaryDirectory() as folder:
        print("ready", flush=True)
        for number, line in enumerate(sys.stdin):
            suffix = (".mp4", ".mkv", ".mp4", ".mkv", ".webm")[number % 5]
            answer = _export(Path(line.rstrip("\n")), Path(folder) / f"out{suffix}")
            print(answer.replace("\n", "\\n"), flush=True)


def _export(source: Path, target: Path) -> str:
    import av

    from app.core.export.job import ExportJob
    from app.core.export.request import ExportRequest
    from app.core.muxing.video_options import VideoOptions
    from tests.support.steady_detector import open_fake

    request = ExportRequest(source, target, video=VideoOptions(quality="draft"), cache="drop")
    try:
        report = ExportJob(request, open_detector=open_fake).run()
    except ExplainedError as error:
        return f"refused {error}"
    with av.open(str(target)) as copy:
        frames = sum(1 for packet in copy.demux(copy.streams.video[0]) if packet.size)
    target.unlink()
    if frames != report.frames:
        return f"wrong {report.frames} frames reported, {frames} written"
    return "done"


if __name__ == "__main__":
    _serve()
