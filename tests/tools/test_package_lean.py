"""The lean packaged program has no torch: everything but training and comparing works without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from tests.support.media import make_video
from tests.support.tiny_models import random_spec, random_state
from tools.fixtures.coded_images import coded_image

_LEAN = """
import contextlib, io, json, sys
from importlib import metadata
from multiprocessing import spawn

MISSING = ("torch", "torchvision")

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

version = metadata.version

def versions(name):
    if name in MISSING:
        raise metadata.PackageNotFoundError(name)
    return version(name)

plain_line = spawn.get_command_line

def line_of_a_child(**words):  # else the child would be asked for as a packaged program asks itself
    del sys.frozen
    try:
        return plain_line(**words)
    finally:
        sys.frozen = True

sys.meta_path.insert(0, Missing())  # in the children, too
metadata.version = versions
sys.frozen = True
spawn.get_command_line = line_of_a_child

if __name__ == "__main__":
    from app.cli import main

    results = []
    for arguments in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
        results.append([code, out.getvalue(), err.getvalue()])
    print(json.dumps(results))
"""


def _run_lean(folder: Path, *commands: list[str]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each command, run one after the other where there is no torch."""
    program = folder / "lean.py"
    program.write_text(_LEAN)
    done = subprocess.run(
        [sys.executable, str(program), json.dumps(commands)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return [(code, out, err) for code, out, err in results]


def test_images_videos_and_models_need_no_torch(tmp_path: Path) -> None:
    image, video, weights = tmp_path / "a.png", tmp_path / "a.mp4", tmp_path / "version-slim-320.pth"
    image.write_bytes(cv2.imencode(".png", coded_image(1, (200, 100)))[1].tobytes())
    make_video(video, frames=5, audio=True)
    torch.save(random_state(random_spec("ultraface-slim")), weights)
    results = _run_lean(
        tmp_path,
        ["self-test", "--only", "versions,devices,codecs,golden,models,export"],
        ["detect", str(image), "--model", "demo", "--device", "cuda", "--json", "-"],
        ["annotate", str(video), "-o", str(tmp_path / "out.mp4"), "--model", "demo"],
        ["models", "import", str(weights), "--name", "faces"],
        ["models", "check", "faces"],
        ["detect", str(image), "--model", "faces"],
        ["bench", "--model", "demo"],
    )
    for code, out, err in results[:-1]:
        assert code == 0, (out, err)
    self_test, detected = results[0], results[1]
    assert "torch: not in this version of the program" in self_test[1]
    assert "golden image, cpu: " in self_test[1]
    assert "FAIL" not in self_test[1]
    assert "not in this installation. Running on the CPU." in detected[2]
    assert json.loads(detected[1])
    assert (tmp_path / "out.mp4").stat().st_size > 0
    code, _, err = results[-1]
    assert code == 1
    assert "Use the full version." in err


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_the_block_of_this_test_blocks(tmp_path: Path, name: str) -> None:
    program = tmp_path / "import.py"
    program.write_text(_LEAN.split("if __name__")[0] + f"import {name}\n")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert f"No module named '{name}'" in done.stderr
