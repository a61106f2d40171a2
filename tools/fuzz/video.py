"""Damaged videos as a target, from the container to a finished export.

Another process does the work, one path at a time, so that a crash inside a codec, a hang or unbounded memory is found
and does not end the run. ``python -m tools.fuzz export --inputs 10000``.
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
from tools.fixtures.cropped_video import as_matroska, with_clap
from tools.fixtures.rich_media import Rich, make_rich
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
    b"clap", b"\x54\xbb", b"\x53\xc0",
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
    (".webm", Rich(8, _SMALL, "libvpx-vp9", "yuva420p", options={**_WEB, "auto-alt-ref": "0"})),
    (".gif", Rich(8, _SMALL, "gif", "rgb8")),
)  # fmt: skip


class CrashError(Exception):
    """The process died."""


class NoAnswerError(Exception):
    """The process gave no answer."""


class WrongError(Exception):
    """The export differs from its report."""


class _Child:
    """Another process that exports the files it is sent."""

    def __init__(self) -> None:
        atexit.register(self.stop)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tools.fuzz.video"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()  # says that it is ready
        return process

    def export(self, path: Path) -> None:
        """Exports ``path``.

        Raises:
            ExplainedError: It was refused with a one-line error.
            CrashError, NoAnswerError, WrongError: Findings.
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
                raise NoAnswerError(f"no answer in {_HANG_S:.0f} s")
            answer = process.stdout.readline()
        except BaseException:  # including the caller's time limit: a late answer must not count for the next input
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
        """Ends the process."""
        self._process.kill()
        self._process.wait()


def video_target() -> Target:
    """Returns the target that exports a video."""
    with TemporaryDirectory() as folder:
        seeds = tuple(
            make_rich(Path(folder) / f"{number}{suffix}", kind).read_bytes()
            for number, (suffix, kind) in enumerate(_KINDS)
        ) + _cropped(Path(folder))
    child = _Child()
    raw = partial(damage, words=_WORDS)
    # FFmpeg goes by content: one suffix does for all.
    return Target(".mp4", child.export, seeds, (raw, _scatter, _cut))


def _cropped(folder: Path) -> tuple[bytes, ...]:
    plain = make_rich(folder / "plain.mp4", Rich(8, _SMALL, options=_QUICK))
    cropped = folder / "cropped.mp4"
    cropped.write_bytes(with_clap(plain.read_bytes(), *_SMALL, (3, 1, 2, 0)))
    return cropped.read_bytes(), as_matroska(cropped, folder / "cropped.mkv").read_bytes()


def _scatter(content: bytes, random: Random) -> bytes:
    """Changes single bytes all over, as a bad connection does."""
    result = bytearray(content)
    for _ in range(random.randint(1, max(1, len(content) // 200))):
        result[random.randrange(len(result))] = random.randrange(256)
    return bytes(result)


def _cut(content: bytes, random: Random) -> bytes:
    """Drops the head, the tail or the middle, or repeats a piece."""
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
    """Exports each file named on standard input, answering with one line."""
    importlib.import_module("app.core.export.job")  # importing takes longer than the time limit of an input
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
    from tools.fixtures.fixed_detector import open_fixed

    request = ExportRequest(source, target, video=VideoOptions(quality="draft"), cache="drop")
    try:
        report = ExportJob(request, open_detector=open_fixed).run()
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
