"""Runs `make run` and `make test`: creates an environment, installs system libraries for Qt, then runs the command.

Standard library only; runs on the system's own Python, before anything is installed.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("SSD_VIEWER_VENV", ROOT / ".venv"))
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST = (3, 11)

# Shared object -> Debian package. The first group is needed by any window, the second by X11.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
# Apart from the rest: what a window leaves behind meets nobody else's threads. The others share the work with the rest.
APART = (["tests/window"], ["tests/importers", "tests/lab"])
PATIENCE_S = 10.0
Command = tuple[list[str | Path], dict[str, str]]  # what to run, in which environment
TEST_PROGRAMS = {"xvfb-run": ("xvfb", "xauth"), "ffprobe": ("ffmpeg",)}


def say(text: str) -> None:
    print(f"[ssd-viewer] {text}", flush=True)


def fail(text: str) -> None:
    print(f"[ssd-viewer] {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def missing_packages(for_tests: bool) -> list[str]:
    """Returns the Debian packages of missing libraries, fonts and (for tests) programs."""
    packages = []
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            packages.append(package)
    fonts = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]
    if not any(next(folder.rglob("*.[ot]tf"), None) for folder in fonts if folder.is_dir()):
        packages.append("fonts-dejavu-core")
    if for_tests:
        for program, wanted in TEST_PROGRAMS.items():
            if shutil.which(program) is None:
                packages.extend(wanted)
    return packages


def apt_command() -> list[str] | None:
    """Returns the apt-get command that works without a password; None if there is none."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ["apt-get"]
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n", "apt-get"]
    return None


def install_packages(packages: list[str]) -> bool:
    """Installs Debian packages if that is possible without a password."""
    apt = apt_command()
    if apt is None:
        return False
    say(f"installing system packages: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = ([*apt, "update", "-qq"], [*apt, "install", "-y", "-qq", "--no-install-recommends", *packages])
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return False
    return True


def check_system(for_tests: bool) -> None:
    """Makes sure that Qt can open a window, or says in one line what is missing."""
    if not sys.platform.startswith("linux"):
        return
    packages = missing_packages(for_tests)
    if packages and not install_packages(packages):
        fail(f"the system lacks libraries; type:  sudo apt-get install -y {' '.join(packages)}")


def create_environment() -> None:
    """Creates the virtual environment, installing Debian's separate venv package first if needed."""
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-m", "pip", "-V"], capture_output=True, check=False).returncode == 0
    ):
        return
    say(f"creating an environment in {VENV}")
    create = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(create, capture_output=True, check=False).returncode == 0:
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not install_packages([package]) or subprocess.run(create, check=False).returncode != 0:
        fail(f"Python's venv module is missing; type:  sudo apt-get install -y {package}")


def stamp(extra: str) -> Path:
    """Returns the file that records from which requirements ``extra`` was installed."""
    return VENV / f"installed{extra}.sha256"


def install(extra: str) -> None:
    """Installs the project with the tested versions, once per state of its requirements."""
    requirements = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in requirements)).hexdigest()
    enough = {extra, "[dev]"}  # the development set includes the plain one
    if any(path.exists() and path.read_text() == digest for path in map(stamp, enough)):
        return
    say("installing (about 5 GB with PyTorch's CUDA build; a few minutes, once)")
    target = f"{ROOT}{extra}"
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "-c",
        str(requirements[1]),
        "-e",
        target,
    ]
    if subprocess.run(command, check=False).returncode != 0:
        fail("installing failed; the lines above say why. Run the command again once that is mended.")
    stamp(extra).write_text(digest)


def has_display() -> bool:
    """Returns whether a window can be shown."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(arguments: list[str]) -> int:
    """Opens the window; without a display or arguments, annotates the sample clip instead."""
    if arguments or has_display():
        return subprocess.run([PYTHON, "-m", "app", *arguments], check=False).returncode
    result = ROOT / "out" / "demo.annotated.mp4"
    result.parent.mkdir(exist_ok=True)
    say("no display here, so no window: the demo model annotates the sample clip, drawn shapes, to show that all works")
    command: list[str | Path] = [PYTHON, "-m", "app", "annotate", ROOT / "assets" / "demo.mp4", "-o", result]
    command += ["--model", "demo", "--data", result.with_suffix(".jsonl")]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        say(f"done: {result} and, one line a frame, {result.with_suffix('.jsonl').name} beside it")
        say('next, persons, cars, dogs and the like in a video of yours:  make run ARGS="annotate street.mp4"')
        say('or in images:  make run ARGS="detect photo.jpg --output out"')
    return code


def test(arguments: list[str]) -> int:
    """Runs the suite in several processes, offscreen but for the tests that need an X screen, two at the same time."""
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    pytest: list[str | Path] = [PYTHON, "-m", "pytest", "-m"]
    if arguments:
        return side_by_side([[([*pytest, "not xvfb", *arguments], offscreen)]])
    beside: list[Command] = [([*pytest, "not xvfb", *folders], offscreen) for folders in APART]
    if sys.platform.startswith("linux"):
        files = sorted((ROOT / "tests").rglob("test_*.py"))
        marked = [file for file in files if "mark.xvfb" in file.read_text("utf-8")]
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"]
        beside.append(([*screen, *pytest, "xvfb", *marked], {**os.environ, "QT_QPA_PLATFORM": "xcb"}))
    apart = [folder for folders in APART for folder in folders]
    say(f"beside these tests run those of {', '.join(apart)}; what they say comes at the end")
    rest = [*pytest, "not xvfb", *(f"--ignore={folder}" for folder in apart)]
    return side_by_side([[(rest, offscreen)], beside])


def side_by_side(lanes: list[list[Command]]) -> int:
    """Runs the commands of each lane one after another, and the lanes at the same time, where there are cores for them.

    The first lane has the terminal; what another says is shown whole, once all have ended. Ctrl-C ends all.

    Returns:
        The first exit code that is not 0; 1 for a command that a signal killed.
    """
    ended: list[list[int]] = [[] for _ in lanes]
    running: dict[int, subprocess.Popen[bytes]] = {}
    finished: Queue[int] = Queue()
    idle, cores, code = deque(range(len(lanes))), os.cpu_count() or 1, 0

    def start(lane: int, said: IO[bytes] | None) -> None:
        # On this thread alone: it knows of Ctrl-C before it hears that a command has ended by it.
        command, environment = lanes[lane][len(ended[lane])]
        process = running[lane] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)

        def wait() -> None:
            process.wait()
            finished.put(lane)

        threading.Thread(target=wait, daemon=True).start()

    with contextlib.ExitStack() as open_files:
        outputs = [None, *(open_files.enter_context(tempfile.TemporaryFile()) for _ in lanes[1:])]
        try:
            while idle or running:
                while idle and len(running) < cores:
                    start(lane := idle.popleft(), outputs[lane])
                lane = finished.get()
                ended[lane].append(running.pop(lane).wait())
                if len(ended[lane]) < len(lanes[lane]):
                    idle.appendleft(lane)
        except KeyboardInterrupt:
            code = 130
            _end(list(running.values()))
        for output in filter(None, outputs):
            output.seek(0)
            sys.stdout.flush()
            shutil.copyfileobj(output, sys.stdout.buffer)
    rows = [row for lane, codes in zip(lanes, ended, strict=True) for row in zip(lane, codes, strict=False)]
    for (command, _), each in rows:
        if each < 0:
            say(f"killed by signal {-each}: {' '.join(map(str, command))}")
    return next((1 if each < 0 else each for _, each in rows if each), code)


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Waits for what Ctrl-C has ended, too, where it came from a terminal, and ends what goes on."""
    deadline_s = time.monotonic() + PATIENCE_S
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline_s - time.monotonic()))
    for process in running:
        process.terminate()
    for process in running:
        process.wait()


def main() -> int:
    """`bootstrap.py run|test|env [ARG ...]`."""
    if sys.version_info < OLDEST:
        have, need = sys.version.split()[0], f"{OLDEST[0]}.{OLDEST[1]}"
        fail(f"Python {need} or newer is needed, this is {have}; name another:  make run PYTHON=python3.12")
    action, arguments = sys.argv[1], sys.argv[2:]
    testing = action != "run"
    check_system(for_tests=testing)
    create_environment()
    install("[dev]" if testing else "")
    if action == "env":
        return 0
    return test(arguments) if testing else run(arguments)


if __name__ == "__main__":
    sys.exit(main())
