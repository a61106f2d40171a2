"""Facts about the installation that the app depends on."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest


def test_one_opencv_only() -> None:
    flavours = {name.lower() for d in metadata.distributions() if (name := d.metadata["Name"])}
    found = sorted(name for name in flavours if name.startswith("opencv-"))
    assert found == ["opencv-python-headless"]


def test_pyside_keeps_references_on_this_python() -> None:
    version = tuple(int(part) for part in metadata.version("PySide6-Essentials").split(".")[:2])
    assert sys.version_info >= (3, 12) or version < (6, 12)


@pytest.mark.parametrize("package", ["app", "detector", "app.core.settings", "app.cli"])
def test_importing_loads_nothing_heavy(package: str, repository: Path) -> None:
    code = (
        f"import sys, {package}\n"
        "heavy = {'torch', 'torchvision', 'cv2', 'av', 'openvino', 'PySide6'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_constraints_pin_every_dependency_and_name_no_host(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {line.split(">")[0].strip().lower() for line in wanted}
    text = (repository / "constraints.txt").read_text()
    pinned = {line.split("==")[0].strip().lower() for line in text.splitlines() if "==" in line}
    assert names <= pinned
    assert "http" not in text
    assert "://" not in text
