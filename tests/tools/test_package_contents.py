"""What stays out of the bundle, and what its room is taken by."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tools.package.contents import (
    Entry,
    is_strippable,
    is_unused,
    strip_entry,
    with_small_icu,
    without_dangling,
    without_unused,
)
from tools.package.icu_data import IcuBlock, is_needed, pack, read_block
from tools.package.opencv_font import gzip_members
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
        ("libmvec.so.1", True, True),
    ],
)
def test_dead_weight_is_known_by_its_place(place: str, full: bool, unused: bool) -> None:
    assert is_unused(_entry(place), full) is unused


def test_libraries_that_wheels_rewrote_are_not_stripped() -> None:
    chosen = ["libpython3.11.so.1.0", "av/container/core.abi3.so", "python3.11/lib-dynload/_ssl.cpython-311.so"]
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


def test_links_to_what_stays_out_do_too() -> None:
    links = [
        ("libQt6Gui.so.6", "PySide6/Qt/lib/libQt6Gui.so.6", "SYMLINK"),
        ("numpy.libs/libgone.so", "../libgone.so", "SYMLINK"),
        ("av/libthere.so", "../libthere.so", "SYMLINK"),
        ("a.txt", "/from/a.txt", "DATA"),
    ]
    left = without_dangling(links, {"PySide6/Qt/lib/libQt6Gui.so.6", "libthere.so"})
    assert [place for place, _, _ in left] == ["libQt6Gui.so.6", "av/libthere.so", "a.txt"]


def test_icu_keeps_what_belongs_to_no_language() -> None:
    for name in ("root.res", "en.res", "pool.res", "coll/ucadata.icu", "coll/root.res", "curr/root.res", "nfkc.nrm"):
        assert is_needed(f"icudt73l/{name}"), name
    for name in ("de.res", "zh_Hant_TW.res", "coll/zh.res", "brkitr/cjdict.dict", "ibm-943.cnv", "translit/root.res"):
        assert not is_needed(f"icudt73l/{name}"), name


def test_icu_data_is_packed_as_it_is_read() -> None:
    header = struct.pack("<HHHHBBBB4s", 32, 0x27DA, 20, 0, 0, 0, 2, 0, b"CmnD").ljust(32, b"\0")
    block = IcuBlock(header, {"icudt73l/a.icu": b"a" * 5, "icudt73l/b.res": b"b" * 40, "icudt73l/zu.res": b"c"})
    again = read_block(b"library" + pack(block))
    assert again.header == header
    assert list(again.items) == list(block.items)
    assert [again.items[name].rstrip(b"\0") for name in block.items] == list(block.items.values())
    assert block.symbol == "icudt73_dat"
    with pytest.raises(ValueError, match="no ICU data"):
        read_block(b"something else")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_qt_works_with_the_small_icu(tmp_path: Path) -> None:
    import PySide6

    libraries = sorted((Path(PySide6.__file__).parent / "Qt" / "lib").glob("libicudata.so.*"))
    if not libraries:
        pytest.skip("this Qt has no ICU of its own")
    place = f"PySide6/Qt/lib/{libraries[0].name}"
    entries = [(place, str(libraries[0]), "BINARY"), (libraries[0].name, place, "SYMLINK")]
    made, link = with_small_icu(entries, tmp_path / "icu")
    assert link == entries[1]
    assert Path(made[1]).stat().st_size < libraries[0].stat().st_size / 6
    asks = (
        "from PySide6.QtCore import QCollator, QLocale, QDate\n"
        "order = QCollator(QLocale('de'))\n"
        "print(sorted('zäaÖo', key=order.sortKey), QLocale('tr').toUpper('i'))\n"
        "print(QLocale('de').toString(QDate(2026, 5, 1)))\n"
        "print([line.split()[-1] for line in open('/proc/self/maps') if 'icudata' in line][0])\n"
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": str(Path(made[1]).parent), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", asks], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == f"['a', 'ä', 'o', 'Ö', 'z'] İ\nFreitag, 1. Mai 2026\n{made[1]}\n"


def test_fonts_are_found_inside_a_library() -> None:
    fonts = [gzip.compress(bytes([number]) * 1000) for number in (1, 2)]
    cut = gzip.compress(os.urandom(1000))[:-20]
    assert list(gzip_members(b"\x1f\x8b\x08nothing" + fonts[0] + b"between" + fonts[1] + b"\0" + cut)) == fonts


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
