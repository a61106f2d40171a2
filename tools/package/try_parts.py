"""The parts of ``tools.package.try_bundle``; each tries the program and returns a line, or raises ``Trouble``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "assets" / "demo.mp4"
_TOO_LONG_S = 300.0
_LOOK_S = 0.1


class Trouble(Exception):  # noqa: N818 - it is what went wrong with a part
    """A part does not work; one line."""


class Program:
    """A packaged program.

    Args:
        executable: Executable of the bundle.
        folder: Folder for its home and for results.
    """

    def __init__(self, executable: Path, folder: Path) -> None:
        self.executable = executable
        self.folder = folder
        self.home = folder / "home é"
        self.home.mkdir()

    def environment(self, **changes: str) -> dict[str, str]:
        """Returns the environment of a user with nothing but a home folder, and no display."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
        return {**kept, "HOME": str(self.home), "QT_QPA_PLATFORM": "offscreen", **changes}

    def run(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None, on: tuple[str, ...] = ()
    ) -> str:
        """Its stdout.

        Raises:
            Trouble: It failed.
        """
        command = [*on, str(self.executable), *map(str, arguments)]
        try:
            done = subprocess.run(
                command,
                env=environment or self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TOO_LONG_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Trouble(f"{arguments[0]} was not done after {_TOO_LONG_S:.0f} s") from error
        if done.returncode:
            failed = [line for line in done.stdout.splitlines() if line.startswith("[FAIL]")]
            said = " ".join((*failed, *done.stderr.split()[-60:]))
            raise Trouble(f"{arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout

    def window_times(self) -> tuple[float, float]:
        """Seconds from the start of the process to the window, and to the first box in it."""
        answer = self.folder / "window.json"
        self.run("self-test", "--window-child", answer, "--started", repr(time.time()))
        seen = json.loads(answer.read_text("utf-8"))
        return seen["window_s"], seen["detection_s"]


def self_test(program: Program) -> str:
    """All of it, drawn into memory."""
    return _window_line(program.run("--self-test"))


def self_test_on_screen(program: Program) -> str:
    """All of it, on a virtual X display."""
    server = shutil.which("xvfb-run")
    if server is None:
        return "not tried: there is no xvfb-run"
    on = (server, "-a", "-s", "-screen 0 1280x800x24")
    return _window_line(program.run("self-test", environment=program.environment(QT_QPA_PLATFORM="xcb"), on=on))


def window(program: Program) -> str:
    """Play the clip as a user would, until the program has measured how fast its model runs; then a polite end.

    Not by Ctrl-C: what a shell runs in the background inherits that it is ignored.
    """
    speeds = program.home / ".local" / "share" / "ssd-viewer" / "speeds.json"
    speeds.unlink(missing_ok=True)
    settings = program.home / ".config" / "ssd-viewer" / "settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"source": {"loop": true}}', encoding="utf-8")
    said = program.folder / "said.txt"
    begun = time.monotonic()
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [program.executable, CLIP, "--model", "demo"],
            env=program.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        while not speeds.exists():
            if process.poll() is not None or time.monotonic() - begun > _TOO_LONG_S:
                raise Trouble(f"the window did not play the clip: {_last(said)}")
            time.sleep(_LOOK_S)
        played = time.monotonic() - begun
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        process.wait(timeout=30)
        closed = time.monotonic() - asked
    except subprocess.TimeoutExpired as error:
        raise Trouble("the window did not close") from error
    finally:
        process.kill()
        process.wait()
    if process.returncode != 128 + signal.SIGTERM:
        raise Trouble(f"the window ended with {process.returncode}: {_last(said)}")
    return f"played for {played:.1f} s, closed in {closed:.1f} s"


def annotate(program: Program) -> str:
    """The whole clip with data; read back by PyAV."""
    import av

    output, data = program.folder / "out.mp4", program.folder / "out.jsonl"
    program.run("annotate", CLIP, "-o", output, "--data", data, "--model", "demo", "--quiet")
    with av.open(str(CLIP)) as source, av.open(str(output)) as result:
        wanted, frames = (sum(1 for _ in file.decode(video=0)) for file in (source, result))
        sounds = len(result.streams.audio)
    lines = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    objects = sum(len(line["detections"]) for line in lines)
    if not (frames == wanted == len(lines) and sounds == 1 and objects):
        raise Trouble(f"{frames} frames of {wanted}, {len(lines)} lines, {sounds} sounds, {objects} objects")
    return f"{frames} frames with sound, {objects} objects"


def evaluate(program: Program) -> str:
    """The image of the self-test, as a set of one image in COCO's layout."""
    from tools.demo.clip import selftest_scene
    from tools.fixtures.data_sets import write_scenes_coco

    data = write_scenes_coco(program.folder / "coco", [selftest_scene()])
    said = program.run("evaluate", "--model", "demo", "--data", data, "--metric", "voc", "--json", "-")
    result = json.loads(said)
    if not (result["images"] == 1 and result["map"] > 0.95):
        raise Trouble(f"mAP {result['map']:.3f} over {result['images']} images")
    return f"mAP {result['map']:.3f}"


def foreign_weights(program: Program) -> str:
    """A checkpoint of torch and a .safetensors of another layout are imported, checked and used, without torch."""
    import torch
    from safetensors.torch import save_file

    from app.lab.bench.random_weights import write_random
    from app.lab.bench.sample_frames import drawn_frames
    from detector.registry import MODELS
    from detector.weights import read_tensors

    made = write_random(MODELS["ultraface-slim-320"], drawn_frames(), program.folder, ("typical",))
    state = read_tensors(made["typical"])
    # Under the names their authors gave them, by which they are known.
    files = [program.folder / "version-slim-320.pth", program.folder / "version-slim-320.safetensors"]
    torch.save(state, files[0])
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, files[1])
    for file in files:
        name = f"faces-{file.suffix[1:]}"
        program.run("models", "import", file, "--name", name)
        program.run("models", "check", name)
        program.run("detect", ROOT / "assets" / "selftest.png", "--model", name, "--json", "-")
    return f"{' and '.join(file.suffix for file in files)} imported, checked and used"


PARTS: dict[str, Callable[[Program], str]] = {
    "self-test": self_test,
    "self-test on a screen": self_test_on_screen,
    "window": window,
    "annotate": annotate,
    "evaluate": evaluate,
    "foreign weights": foreign_weights,
}


def _last(said: Path) -> str:
    return " ".join(said.read_text("utf-8", errors="replace").split())[-300:]


def _window_line(report: str) -> str:
    lines: list[Any] = [line for line in report.splitlines() if "] window: " in line]
    return lines[0].partition(": ")[2] if lines else "no window in the report"
