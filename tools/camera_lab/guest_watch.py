"""``ssd-viewer watch`` on the camera inside the machine that ``run.py`` boots, through whatever befalls a camera.

A red square, which the camera draws when it is told to, is what comes and goes. Every event that the detector saw must
be told once and have one clip that plays, with its pre-roll, and every frame must be in a recording: the checks of
``tools.watch_hour``, to which a frame is known by the number that the camera writes into it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

sys.path.insert(0, str(Path.cwd()))

from app.core.sources.base import SourceOptions
from tools.camera_lab import guest, vivid
from tools.camera_lab.clock_text import ClockText
from tools.camera_lab.set_clock import GuestClock
from tools.camera_lab.vivid_files import VividCamera, VividCheck, files_reader
from tools.camera_lab.watch_program import DIGITS, FPS, SIZE
from tools.watch_hour import check
from tools.watch_hour.cameras import GeneratedCamera
from tools.watch_hour.check import Figures
from tools.watch_hour.disk import SmallDisk
from tools.watch_hour.evidence import Line, read_log
from tools.watch_hour.program import LABEL, MODEL
from tools.watch_hour.resources import UsageWatch, growth, usage_text

ROUNDS = 3
BEFORE_S, AFTER_S = 2.0, 1.0
OPTIONS = SourceOptions(resolution=SIZE, fps=FPS, open_timeout_s=30, first_frame_s=20)
_GREEN, _COUNTERS_ONLY = 8, 1
_PATIENCE_S = 180.0
_TRIES, _LEARN_FROM = 10, 12


def learn() -> ClockText:
    """Returns what reads the camera's frames; tried again where the machine was too slow for all of the first ones."""
    for _ in range(_TRIES):
        with guest.opened("camera:0", OPTIONS) as source, contextlib.suppress(ValueError):
            return ClockText.learn([guest.frame(source).image_bgr for _ in range(_LEARN_FROM)])
    raise AssertionError("the camera's first frames are not all there")


class Trial:
    """The program, and what befalls its camera; each public method is a check.

    Args:
        folder: In memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / "disk"
        self._lines: list[Line] = []
        self._changed = threading.Condition()
        folder.mkdir(parents=True)
        self._clock = GuestClock(folder / "clock")
        self._disk = SmallDisk(self._files, 60)
        self._full_s: list[tuple[float, float]] = []
        self._number, self._ended = 0, False
        self._process: subprocess.Popen[str]
        self._usage: UsageWatch
        self._after = contextlib.ExitStack()

    # -- what befalls it --------------------------------------------------------------------------------------------

    def a_camera_in_use_is_waited_for(self) -> str:
        vivid.load(n_devs="1")
        self._dress()
        self._files.mkdir()
        self._after.enter_context(self._disk)
        assert not self._disk.missing, self._disk.missing
        learn().save(self._folder / DIGITS)
        with guest.opened("camera:0", OPTIONS) as source:
            guest.frame(source)
            self._start()
            said = self._wait("trouble", 1)
        self._wait("open", 1)
        time.sleep(5.0)  # what is only loaded with the first frame takes seconds here
        return str(said["message"])

    def what_comes_and_goes_is_an_event(self) -> str:
        for there_s, gone_s in ((4.0, 5.0), (4.0, 2.5), (4.0, 5.0)):  # the clips of the last two touch
            self._show(there_s)
            time.sleep(gone_s)
        return f"{self._count('began')} so far"

    def midnight_passes(self) -> str:
        self._clock.before_midnight(1.5)
        self._show(4.0)
        time.sleep(3.0)
        assert time.strftime("%H:%M") == "00:00", time.strftime("%H:%M:%S")
        return time.strftime("%H:%M:%S")

    def a_camera_falls_silent(self) -> str:
        def drop(share: int) -> None:
            vivid.set_control(self._number, "Percentage of Dropped Buffers", share)

        return self._lose(lambda: drop(100), lambda: drop(0))

    def it_is_cut_off_in_the_midst_of_an_event(self) -> str:
        self._square(True)
        time.sleep(4.0)
        said = self._lose(lambda: vivid.set_control(self._number, "Disconnect"), lambda: None)
        time.sleep(4.0)
        self._square(False)
        time.sleep(3.0)
        return said

    def it_is_pulled_out(self) -> str:
        return self._lose(vivid.unplug, self._plug_in, 4.0)

    def it_comes_back_under_another_number(self) -> str:
        before = self._number
        holder = os.open(f"/dev/video{before}", os.O_RDONLY)  # keeps the number taken
        try:
            said = self._lose(vivid.unplug, self._plug_in, 2.0)
        finally:
            os.close(holder)
        assert self._number != before
        return f"{before} is {self._number}. {said}"

    def the_disk_is_full(self) -> str:
        self._disk.fill()
        full_s = time.monotonic()
        self._show(4.0)
        time.sleep(5.0)
        self._disk.empty()
        self._full_s.append((full_s, time.monotonic()))
        time.sleep(8.0)
        self._show(4.0)
        time.sleep(4.0)
        return str([line.data["message"] for line in self._lines if line.data["type"] == "trouble"][-1])

    def the_clock_is_set_back(self) -> str:
        self._clock.back(3600.0)
        self._show(4.0)
        time.sleep(3.0)
        return time.strftime("%H:%M:%S")

    # -- the end, and what is left ----------------------------------------------------------------------------------

    def it_ends_in_the_midst_of_an_event(self) -> str:
        self._square(True)
        time.sleep(4.0)
        self._usage.__exit__()
        self._process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        code = self._process.wait(_PATIENCE_S)
        errors = (self._folder / "errors.txt").read_text()
        assert code == 0, errors[-500:]
        assert "Traceback" not in errors, errors
        assert not list(self._files.rglob("*.part"))
        return f"after {time.monotonic() - begun:.1f} s"

    def every_loss_is_told_once(self) -> str:
        told = [line.data for line in self._lines if line.data.get("what") == "gone"]
        began, ended = ([data["id"] for data in told if data["type"] == kind] for kind in ("began", "ended"))
        assert began, "never gone"
        assert began == ended == sorted(set(began)), (began, ended)
        return f"gone {len(began)} times, opened {self._count('open')} times"

    def what_was_seen_is_told_and_kept(self) -> str:
        self._clock.set_right()
        looked = read_log(self._folder / "detector.log")[0]
        lines = [line for line in self._lines if line.data.get("what") != "gone"]
        camera, figures = VividCamera(self._folder), Figures()
        read = files_reader(self._folder, camera, lines)
        with patch.object(check, "frames_of", read):
            around_s = BEFORE_S, AFTER_S
            VividCheck(
                cast(GeneratedCamera, camera), lines, looked, self._clock, around_s, self._full_s, figures
            ).check()
        for wrong in figures.wrong:
            print(f"LAB wrong: {wrong}")
        for line in self._lines:
            print(f"{line.at_s:.3f} {json.dumps(line.data)}")
        print((self._folder / "detector.log").read_text())
        health = [line.data for line in self._lines if line.data["type"] == "health"][-1]["sources"][0]
        assert health["recording_drops"] == camera.dropped, (health, camera.dropped)
        assert not figures.wrong, f"{len(figures.wrong)} things are wrong"
        assert figures.events >= 7 * ROUNDS, figures.events
        most_ms = 1000 * max(figures.frames_s)
        return (
            f"{len(looked)} frames, {figures.events} events, {figures.clips} clips, {figures.recordings} recordings, "
            f"{figures.excused} events without a clip as the disk was full; frames at most {most_ms:.0f} ms late, "
            f"{camera.dropped} dropped and counted"
        )

    def nothing_grows(self) -> str:
        assert len(self._usage.seen) > 60
        assert not growth(self._usage.seen), growth(self._usage.seen)
        self._after.close()
        return usage_text(self._usage.seen)

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        words = [sys.executable, "-m", "tools.camera_lab.watch_program", self._folder]
        words += [
            self._folder / "detector.log",
            self._clock.file,
            "watch",
            "camera:0",
            "--model",
            MODEL,
            "--on",
            LABEL,
            "--gone",
            "2s",
        ]
        words += ["--record", self._files / "recordings", "--clips", self._files / "clips", "--keep-free", "1KB"]
        words += ["--before", f"{BEFORE_S}s", "--after", f"{AFTER_S}s", "--segment", "20s"]
        with (self._folder / "errors.txt").open("wb") as errors:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen([str(word) for word in words], stdout=pipe, stderr=errors, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self._usage = UsageWatch(self._process.pid)
        self._usage.__enter__()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(Line(time.monotonic(), json.loads(line)))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _count(self, kind: str) -> int:
        return sum(line.data["type"] == kind for line in self._lines)

    def _wait(self, kind: str, count: int) -> dict[str, Any]:
        """Waits for the ``count``-th line of a kind."""
        with self._changed:
            self._changed.wait_for(lambda: self._count(kind) >= count or self._ended, _PATIENCE_S)
            assert not self._ended, (self._folder / "errors.txt").read_text()[-500:]
            assert self._count(kind) >= count, f"no {kind}"
            return [line.data for line in self._lines if line.data["type"] == kind][count - 1]

    def _lose(self, lose: Callable[[], None], restore: Callable[[], None], later_s: float = 0.0) -> str:
        """Waits until the loss is noticed, and after ``restore`` until the camera is there again."""
        troubles, opened = self._count("trouble"), self._count("open")
        lose()
        begun = time.monotonic()
        said = self._wait("trouble", troubles + 1)
        noticed_s = time.monotonic() - begun
        time.sleep(later_s)
        restore()
        self._wait("open", opened + 1)
        time.sleep(4.0)
        return f"{said['message']} Noticed after {noticed_s:.1f} s."

    def _plug_in(self) -> None:
        vivid.plug()
        self._dress()

    def _dress(self) -> None:
        self._number = next(number for number, name in vivid.node_names().items() if name == guest.NAME)
        vivid.set_control(self._number, "Test Pattern", _GREEN)  # on which the square is red
        vivid.set_control(self._number, "OSD Text Mode", _COUNTERS_ONLY)

    def _square(self, there: bool) -> None:
        vivid.set_control(self._number, "Show Square", int(there))

    def _show(self, seconds: float) -> None:
        self._square(True)
        time.sleep(seconds)
        self._square(False)


def checks() -> Iterator[Callable[[], str]]:
    """Yields all, in order."""
    trial = Trial(Path("/run/trial"))
    yield trial.a_camera_in_use_is_waited_for
    for _ in range(ROUNDS):
        yield from (trial.what_comes_and_goes_is_an_event, trial.midnight_passes, trial.a_camera_falls_silent)
        yield from (trial.it_is_cut_off_in_the_midst_of_an_event, trial.it_is_pulled_out)
        yield from (trial.it_comes_back_under_another_number, trial.the_disk_is_full, trial.the_clock_is_set_back)
    yield from (trial.it_ends_in_the_midst_of_an_event, trial.every_loss_is_told_once)
    yield from (trial.what_was_seen_is_told_and_kept, trial.nothing_grows)


if __name__ == "__main__":
    guest.main(tuple(checks()))
