"""What ``tools.package.try_service`` goes by: lines as they come, files that are whole; and what the unit starts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.media import make_video
from tools.package.service_lab import Lines, check_files
from tools.package.try_parts import Trouble
from tools.package.try_service import UNIT_FILE

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="services of Linux")


def test_a_line_is_found_as_it_comes_and_a_missing_one_is_said() -> None:
    with Lines(sys.executable, "-uc", "print('one'); print('two'); input()") as lines:
        lines.until("two")
    with Lines("echo", "one") as lines, pytest.raises(Trouble, match="two"):
        lines.until("two")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("clips", "records"):
        (tmp_path / name).mkdir()
        make_video(tmp_path / name / "a.mp4", frames=5)
    return tmp_path


def test_whole_files_are_counted(folder: Path) -> None:
    assert check_files(folder) == "1 clips and 1 records"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "records" / "b.mp4.part").touch(),
        lambda folder: (folder / "clips" / "a.mp4").unlink(),
        lambda folder: make_video(folder / "clips" / "b.mp4", frames=2),
    ],
)
def test_what_is_missing_is_trouble(folder: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(Trouble):
        check_files(folder)


def test_the_unit_starts_what_the_installer_puts_into_usr_local() -> None:
    start = re.search(r"^ExecStart=(\S+) watch \$WATCH$", UNIT_FILE.read_text(), re.MULTILINE)
    assert start
    assert start[1] == "/usr/local/bin/ssd-viewer"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT_FILE.name.replace("@", "@door")
    program = tmp_path / "ssd-viewer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit.write_text(UNIT_FILE.read_text().replace("/usr/local/bin/ssd-viewer", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
