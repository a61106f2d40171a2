"""What ``tools.package.try_service`` tries the program with: Debian, its systemd, a camera, a look at its files."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from tools.fixtures.coded_images import ImageBGR
from tools.fixtures.mjpeg_server import MjpegServer
from tools.package.facts import ROOT
from tools.package.try_parts import CLIP, Trouble

BUILD = ROOT / "build" / "try_service"
SIZE, FPS = (320, 240), 10
START_S, LIMIT_S = 120.0, 600.0


def output(*command: str | Path) -> str:
    """Returns what a command says, one that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"{' '.join(map(str, command[:3]))} … failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def check(holds: bool, what: str) -> None:
    """Raises ``Trouble`` unless it is so."""
    if not holds:
        raise Trouble(f"not so: {what}")


def debian(name: str, *packages: str) -> Path:
    """Returns a root of Debian with such packages, made once."""
    folder = BUILD / name
    if not folder.exists():
        part = BUILD / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        include = [f"--include={','.join(packages)}"] if packages else []
        output("debootstrap", "--variant=minbase", *include, release, part)
        part.rename(folder)
    return folder


@contextmanager
def camera() -> Iterator[MjpegServer]:
    """Shows the sample clip, over and over."""
    with av.open(str(CLIP)) as clip:
        frames: list[ImageBGR] = [
            frame.reformat(*SIZE).to_ndarray(format="bgr24").astype(np.uint8, copy=False)
            for frame in clip.decode(video=0)
        ]

    def draw(index: int, _size: tuple[int, int]) -> ImageBGR:
        return frames[index % len(frames)]

    with MjpegServer(FPS, SIZE, draw) as server:
        yield server


class Lines:
    """What ``command`` prints, as it comes."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(  # in a session of its own: nsenter has a child that shall end with it
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._limit = threading.Timer(LIMIT_S, self._kill)

    def until(self, text: str) -> None:
        """Returns when a line has it."""
        assert self._process.stdout is not None
        if not any(text in line for line in self._process.stdout):
            raise Trouble(f"no line has {text!r}")

    def __enter__(self) -> Lines:
        self._limit.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._limit.cancel()
        self._kill()
        self._process.communicate()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)


def check_files(folder: Path) -> str:
    """Checks that all there are whole, and clips and recordings among them."""
    check(not list(folder.rglob("*.part")), f"no file in {folder} is left unfinished")
    counts = []
    for name in ("clips", "records"):
        videos = list((folder / name).glob("*.mp4"))
        check(bool(videos), f"there are {name}")
        for video in videos:
            with av.open(str(video)) as opened:
                check(sum(1 for _ in opened.decode(video=0)) > 2, f"{video} plays")
        counts.append(f"{len(videos)} {name}")
    return " and ".join(counts)


class Machine:
    """Debian booted in a container, with the bundle and this computer's network; entered when all has started.

    Args:
        root: Its files.
        bundle: The packaged program.
    """

    def __init__(self, root: Path, bundle: Path) -> None:
        self._root, self._bundle, self._leader = root, bundle, ""

    def __enter__(self) -> Machine:
        command = ["systemd-nspawn", "--directory", str(self._root), "--boot", "--register=no", "--keep-unit"]
        command += ["--console=pipe", "--notify-ready=yes", f"--bind-ro={self._bundle}:/usr/local/lib/ssd-viewer"]
        with (
            tempfile.TemporaryDirectory() as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
            (BUILD / "console.txt").open("wb") as console,
        ):
            told.bind(f"{folder}/told")
            told.settimeout(START_S)
            environment = os.environ | {"NOTIFY_SOCKET": f"{folder}/told"}
            self._nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=environment
            )
            try:
                self._wait_ready(told)
            except OSError:
                self._nspawn.terminate()
                self._nspawn.wait()
                raise Trouble(f"Debian does not start; see {BUILD / 'console.txt'}") from None
        return self

    def _wait_ready(self, told: socket.socket) -> None:
        ready = False
        while not (ready and self._leader):
            state = dict(line.partition("=")[::2] for line in told.recv(4096).decode().splitlines())
            self._leader = state.get("X_NSPAWN_LEADER_PID", self._leader)
            ready = ready or state.get("READY") == "1"

    def __exit__(self, *exc_info: object) -> None:
        try:
            output(*self.inside("systemctl", "poweroff"))
            self._nspawn.wait(START_S)
        finally:
            self._nspawn.kill()
            self._nspawn.wait()

    def inside(self, *command: str) -> tuple[str, ...]:
        """Returns the command that runs ``command`` in the machine."""
        return ("nsenter", "--target", self._leader, "--all", *command)

    def shown(self, unit: str, *names: str) -> list[str]:
        """Returns properties of a unit, in their order."""
        return [output(*self.inside("systemctl", "show", "--value", "-p", name, unit)).strip() for name in names]

    def lines(self, unit: str) -> Lines:
        """Returns what a unit says, from the start of the machine on."""
        return Lines(*self.inside("journalctl", "--follow", "--lines=all", "--output=cat", "--unit", unit))
