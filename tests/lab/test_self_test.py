"""`self-test` says what works, and what is really broken makes it fail and is named."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import pytest
from PySide6.QtCore import qVersion

from app.core.system_libraries import missing_library, package_hint
from app.lab.self_test.export_check import Tracks, differences
from app.lab.self_test.window_check import look, shown_on
from detector.errors import DetectorError
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.steady_detector import FakeDetector
from tools.fixtures.coded_images import coded_image

EXPECTED = [{"label": "car", "box": [42, 20, 160, 78]}, {"label": "person", "box": [20, 60, 60, 90]}]
WORKING = ["golden", "models", "export"]


@pytest.fixture
def box(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own files in a folder where they may be broken; other processes find them there too."""
    folder = tmp_path / "box"
    for name in ("assets", "weights"):
        shutil.copytree(repository / name, folder / name)
    _in_every_python(tmp_path, monkeypatch, f"import sys\nsys._MEIPASS = {str(folder)!r}\n")
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    return folder


def _in_every_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(Path(__file__).resolve().parents[2]))))


def _damage(file: Path) -> None:
    content = file.read_bytes()
    kept = len(content) // 8
    file.write_bytes(content[:kept] + bytes(len(content) - kept))


def test_an_export_is_made_and_read_back(capsys: Capture, box: Path) -> None:
    code, out, err = run(capsys, "self-test", "--only", ",".join(WORKING))
    assert (code, err) == (0, "")
    assert "[ ok ] export: 10 frames with sound read back, " in out
    assert "[ ok ] golden image, cpu: 5 of 5 objects found" in out
    assert "[ ok ] model demo: the weights are bit for bit those" in out


def test_the_window_plays_the_sample_clip(capsys: Capture, box: Path, tmp_path: Path) -> None:
    code, out, err = run(capsys, "self-test", "--only", "window")
    assert (code, err) == (0, "")
    assert out.startswith(f"[ ok ] window: Qt {qVersion()} on offscreen: up after ")
    assert " first detection after " in out


def test_a_damaged_model_is_named_by_all_that_need_it(capsys: Capture, box: Path) -> None:
    _damage(box / "weights" / "demo.safetensors")
    code, out, err = run(capsys, "self-test", "--only", ",".join(WORKING))
    assert code == 1
    check_one_line(err, "Does not work here: ")
    assert "[FAIL] model demo: the weights are not those that were imported" in out
    assert "[FAIL] golden image, cpu: " in out
    assert "[ ok ] model everyday: " in out


def test_a_model_that_cannot_be_read_fails_export_and_window(capsys: Capture, box: Path) -> None:
    model = box / "weights" / "demo.safetensors"
    model.write_bytes(model.read_bytes()[:1000])
    code, out, err = run(capsys, "self-test", "--only", "export,window")
    assert code == 1
    check_one_line(err, "Does not work here: export, window.")
    failed = [line for line in out.splitlines() if line.startswith("[FAIL] ")]
    assert [line.split()[1] for line in failed] == ["export:", "window:"]
    assert all("demo" in line for line in failed)


@pytest.mark.parametrize("cut", [None, 20_000])
def test_a_missing_or_damaged_clip_fails(capsys: Capture, box: Path, cut: int | None) -> None:
    clip = box / "assets" / "demo.mp4"
    content = clip.read_bytes()
    clip.unlink()
    if cut is not None:
        clip.write_bytes(content[:cut])
    code, out, err = run(capsys, "self-test", "--only", "export,window")
    assert code == 1
    check_one_line(err, "Does not work here: export, window.")
    assert out.count("not in this installation") == (2 if cut is None else 0)


def test_a_window_that_crashes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_every_python(tmp_path, monkeypatch, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    check = look(60.0)
    assert (check.name, check.ok, check.detail) == ("window", False, "ended by SIGSEGV")


def test_a_window_that_crashes_at_its_end_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = "import os, signal\nos._exit = lambda _: os.kill(os.getpid(), signal.SIGSEGV)\n"
    _in_every_python(tmp_path, monkeypatch, crash)
    assert look(60.0).detail.startswith("ended by SIGSEGV")


def test_a_library_that_the_system_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "libEGL.so.1: cannot open shared object file: No such file or directory"
    _in_every_python(tmp_path, monkeypatch, f"import sys\nsys.exit({'ImportError: ' + said!r})\n")
    assert look(60.0).detail == "libEGL.so.1 is missing. Install libegl1."


def test_a_platform_that_qt_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    check = look(60.0)
    assert check.ok is False
    assert "ended by SIGABRT: " in check.detail
    assert '"nonsense"' in check.detail


def test_a_window_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "pid"
    code = f"import os, signal\nopen({str(note)!r}, 'w').write(str(os.getpid()))\nsignal.pause()\n"
    _in_every_python(tmp_path, monkeypatch, code)
    check = look(5.0)
    assert (check.ok, check.detail) == (False, "not done after 5 s, and stopped")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_without_a_display_it_is_drawn_into_memory() -> None:
    assert shown_on({"HOME": "/"})["QT_QPA_PLATFORM"] == "offscreen"
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        assert shown_on({name: "there"}) == {name: "there"}


def test_what_differs_is_said() -> None:
    thirds = tuple(Fraction(i, 3) for i in range(3))
    source = Tracks(thirds, (b"a", b"b"))
    assert differences(source, source, 1) == []
    assert differences(source, Tracks(thirds[:2], (b"a", b"b")), 1) == ["2 of 3 frames can be read back"]
    late = tuple(time + Fraction(1, 100) for time in thirds)
    assert differences(source, Tracks(late, (b"a", b"b")), 1) == ["frames are shown up to 10.0 ms from their time"]
    assert len(differences(source, Tracks((), (b"a",)), 0)) == 3
    assert differences(Tracks(thirds, ()), Tracks(thirds, ()), 1) == ["the sound is not the source's: 0 packets of 0"]


def test_a_missing_library_of_the_system_is_named_as_its_package() -> None:
    with pytest.raises(OSError, match="libnot-there") as failed:
        ctypes.CDLL("libnot-there.so.1")
    assert missing_library(str(failed.value)) == "libnot-there.so.1"
    said = "ImportError: libEGL.so.1: cannot open shared object file: No such file or directory"
    assert package_hint(said) == "Install libegl1."
    assert package_hint("ImportError: no module") == ""


@pytest.mark.parametrize(("parts", "unknown"), [("golden,kitchen", "kitchen"), ("golden, ", ""), (",", "")])
def test_a_part_that_does_not_exist_is_wrong_usage(capsys: Capture, parts: str, unknown: str) -> None:
    code, _, err = run(capsys, "self-test", "--only", parts)
    assert code == 2
    check_one_line(err, f"there is no part {unknown!r}")


# -- the image in the box, with engines that are fakes


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A golden image with the objects given."""
    from app.lab.self_test import golden_check as part

    install_fake_model(monkeypatch)

    def make(expected: list[dict[str, object]], found: bool = True) -> None:
        image, facts = tmp_path / "selftest.png", tmp_path / "selftest.json"
        image.write_bytes(cv2.imencode(".png", coded_image(3, (200, 100)))[1].tobytes())
        facts.write_text(json.dumps({"model": "fake", "expected": expected}))
        monkeypatch.setattr(part, "bundled_path", lambda *parts: tmp_path / parts[-1])

        def refuse() -> FakeDetector:
            raise DetectorError("This engine is broken.")

        monkeypatch.setattr(part, "engines", lambda _: [("cpu", FakeDetector if found else refuse)])

    return make


def test_the_image_passes_where_everything_is_found(capsys: Capture, golden: Callable[..., None]) -> None:
    golden(EXPECTED)
    code, out, err = run(capsys, "--self-test", "--only", "versions,devices,codecs,cameras,golden")
    assert (code, err) == (0, "")
    assert "[ ok ] golden image, cpu: 2 of 2 objects found; cpu, fp32" in out
    assert "libx264" in out


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        ([{"label": "dog", "box": [42, 20, 160, 78]}], True, "0 of 1 objects found, 2 more"),
        ([*EXPECTED, {"label": "car", "box": [0, 0, 30, 30]}], True, "2 of 3 objects found"),
        (EXPECTED[:1], True, "1 of 1 objects found, 1 more"),
        (EXPECTED, False, "This engine is broken."),
    ],
)
def test_it_fails_where_the_image_is_read_wrongly(
    capsys: Capture, golden: Callable[..., None], expected: list[dict[str, object]], found: bool, said: str
) -> None:
    golden(expected, found)
    code, out, err = run(capsys, "self-test", "--only", "golden", "--json", "-")
    assert code == 1
    check_one_line(err, "Does not work here: golden image, cpu")
    result = json.loads(out)
    assert result["ok"] is False
    assert any(check["detail"].startswith(said) for check in result["checks"])


def test_a_missing_image_is_said(capsys: Capture, box: Path) -> None:
    (box / "assets" / "selftest.png").unlink()
    code, out, _ = run(capsys, "self-test", "--only", "golden")
    assert code == 1
    assert "[FAIL] golden image: not in this installation" in out
