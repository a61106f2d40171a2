"""What stays out of the bundle, and what its room is taken by."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.package.contents import Entry, is_strippable, is_unused, strip_entry, without_unused
from tools.package.sizes import main, sizes


def _entry(place: str) -> Entry:
    return (place, f"/from/{place}", "BINARY")


def test_a_library_goes_with_the_last_that_needs_it() -> None:
    needs = {
        "/from/PySide6/Qt/plugins/platformthemes/libqgtk3.so": {"libgtk-3.so.0", "libX11.so.6", "libpango.so"},
        "/from/PySide6/Qt/plugins/platforms/libqxcb.so": {"libX11.so.6"},
        "/from/libgtk-3.so.0": {"libpango.so", "libX11.so.6"},
    }
    places = [*(file.removeprefix("/from/") for file in needs), "libpango.so", "libX11.so.6", "libalone.so"]
    left = without_unused([_entry(place) for place in places], False, lambda file: needs.get(file, set()))
    assert [place for place, _, _ in left] == ["PySide6/Qt/plugins/platforms/libqxcb.so", "libX11.so.6", "libalone.so"]


@pytest.mark.parametrize(
    ("place", "full", "unused"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", False, False),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", False, False),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", False, False),
        ("PySide6\\Qt\\translations\\qt_de.qm", True, True),
        ("openvino/frontend/pytorch/py_pytorch_frontend.so", False, True),
        ("openvino/frontend/pytorch/py_pytorch_frontend.so", True, False),
        ("openvino/libs/libopenvino_ir_frontend.so", False, False),
    ],
)
def test_dead_weight_is_known_by_its_place(place: str, full: bool, unused: bool) -> None:
    assert is_unused(_entry(place), full) is unused


def test_libraries_that_wheels_rewrote_are_not_stripped() -> None:
    chosen = ["libpython3.11.so.1.0", "av/container/core.abi3.so"]
    others = ["numpy.libs/libopenblas.so", "av.libs/libavcodec.so.62", "cv2/cv2.abi3.so", "av/py.typed"]
    assert [place for place in chosen + others if is_strippable(_entry(place))] == chosen


def test_what_cannot_be_stripped_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.so").write_text("no library")
    entry = ("av/x.so", str(tmp_path / "x.so"), "EXTENSION")
    assert strip_entry(entry, tmp_path / "copies") == entry

    def missing(*_arguments: object, **_options: object) -> None:
        raise FileNotFoundError("strip")

    monkeypatch.setattr(subprocess, "run", missing)
    assert strip_entry(entry, tmp_path / "copies") == entry


def test_sizes_count_each_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside = tmp_path / "_internal"
    (inside / "av").mkdir(parents=True)
    (tmp_path / "ssd-viewer").write_bytes(b"1" * 100)
    (inside / "av" / "one.so").write_bytes(b"1" * 300_000)
    (inside / "av" / "two.so").write_bytes(b"1" * 200_000)
    (inside / "link.so").symlink_to("av/one.so")
    packages, files = sizes(tmp_path)
    assert packages == {"av": 500_000, "ssd-viewer": 100}
    assert files["av/one.so"] == 300_000
    assert main([str(tmp_path)]) == 0
    assert "0.5 MB  in all, 3 files" in capsys.readouterr().out


def test_sizes_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 1
    assert "make bundle" in capsys.readouterr().err
