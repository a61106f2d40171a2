"""Every library in a bundle belongs to somebody named on the page of licences."""

from __future__ import annotations

import shutil
import sys
import zlib
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import av
import cv2
import pytest

from app.core.licences import Part, licences_page
from tools.package import attribution
from tools.package.attribution import (
    MICROSOFT,
    PROGRAM,
    PYTHON,
    libraries_in,
    main,
    owners,
    shipped_packages,
    shipped_parts,
    unfit_to_pass_on,
)
from tools.package.opencv_font import gzip_members

SITE = Path(av.__file__).parents[1]


def _owner(place: str) -> Part | None:
    return owners([place])[place]


@pytest.mark.parametrize(
    ("place", "title"),
    [
        ("av.libs/libx264-d6533a8d.so.165", "x264"),
        ("av.libs/libxcb-shape-7716c890.so.0.0.0", "libxcb"),
        ("av.libs/libavutil-5809ad29.so.60", "FFmpeg"),
        ("opencv_python_headless.libs/libavif-43e630fc.so.16.4.2", "libavif"),  # not FFmpeg's libav
        ("opencv_python_headless.libs/libcrypto-5409cd36.so.1.1.1k", "OpenSSL 1.1"),
        ("PySide6/Qt/lib/libicudata.so.73", "ICU"),
        ("python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", PYTHON.title),
        ("libpython3.11.so.1.0", PYTHON.title),
        ("python311.dll", PYTHON.title),
        ("VCRUNTIME140.dll", MICROSOFT.title),
        ("nvidia/cublas/lib/libcublas.so.12", "NVIDIA CUDA"),
        ("torch/lib/libcudart.so.12", "NVIDIA CUDA"),
        ("ssd-viewer", PROGRAM.title),
    ],
)
def test_libraries_are_known_by_name_and_place(place: str, title: str) -> None:
    part = _owner(place)
    assert part is not None
    assert part.title == title
    assert part.licence


@pytest.mark.parametrize("place", ["libnobody.so.1", "av.libs/libnobody-1234.so", "nobody/nobody.so"])
def test_a_stranger_is_nobodys(place: str) -> None:
    assert _owner(place) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wheels for Linux")
def test_every_library_of_the_packages_shipped_is_somebodys() -> None:
    """All that could come into a bundle from the wheels, whatever PyInstaller takes of it."""
    folders = ["av", "av.libs", "cv2", "numpy", "numpy.libs", "opencv_python_headless.libs", "openvino", "PySide6"]
    files = [file for name in [*folders, "shiboken6"] for file in (SITE / name).rglob("*.so*")]
    places = [file.relative_to(SITE).as_posix() for file in files if file.is_file()]
    assert len(places) > 100
    unknown = {place for place, part in owners(places).items() if part is None}
    assert not unknown


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian")
def test_libraries_of_the_system_come_with_their_texts() -> None:
    part = _owner("libgcc_s.so.1")
    assert part is not None
    assert part.title.startswith("libgcc")
    assert "Debian source package gcc" in part.origin
    assert "/usr/share/common-licenses/GPL" in part.text
    page = licences_page(full=False, parts=[part, Part("x264", "GPL-2+", "", "see /usr/share/common-licenses/GPL-2.")])
    assert page.count("\nGPL-3\n====") == page.count("\nGPL-2\n====") == 1
    assert "\nGPL\n====" not in page


def test_without_dpkg_they_are_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _owner("libgcc_s.so.1") is None


def test_the_page_names_what_wheels_bring_along_and_what_is_in_qt() -> None:
    places = ["av.libs/libx265-1.so", "av.libs/libx264-1.so", *(str(PurePosixPath("PySide6", "QtCore.abi3.so")),)]
    parts = shipped_parts(places)
    assert {"x264", "x265", "FreeType (in Qt)"} <= {part.title for part in parts}
    assert not {"PySide6_Essentials", "Python"} & {part.title for part in parts}  # those are listed by themselves
    page = licences_page(full=False, parts=parts)
    assert "\nx264: GPL-2.0-or-later (https://code.videolan.org/videolan/x264)\n" in page
    assert "\npyinstaller, COPYING.txt\n====" in page


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library's name on Linux")
def test_the_fonts_in_opencv_are_named_with_the_terms_they_name_themselves() -> None:
    named = {part.title: part.licence for part in shipped_parts(["cv2/cv2.abi3.so"])}
    said = {}
    for member in gzip_members(Path(cv2.__file__).with_name("cv2.abi3.so").read_bytes()):
        font = zlib.decompress(member, zlib.MAX_WBITS | 16)
        for terms, licence in (("SIL Open Font License, Version 1.1", "OFL-1.1"), ("Apache License", "Apache-2.0")):
            for name in ("Rubik", "WenQuanYi Micro Hei"):
                if terms.encode("utf-16-be") in font and name.encode("utf-16-be") in font:
                    said[f"{name} (font in OpenCV)"] = licence
    assert named == said


def test_packages_that_came_along_are_listed() -> None:
    packages = shipped_packages(["psutil", "psutil._common", "PySide6.QtCore", "app.core", "_pyi_rth_utils", "os"])
    assert packages == ["PySide6_Essentials", "psutil"]
    assert "\npsutil " not in licences_page(full=False)
    page = licences_page(full=False, packages=packages)
    assert f"\npsutil {version('psutil')}: BSD-3-Clause\n" in page
    assert "\npsutil, LICENSE\n====" in page
    assert page.count("\nPySide6_Essentials ") == 1


def test_a_text_that_several_share_is_there_once() -> None:
    page = licences_page(full=False, parts=[Part("one", "X", "a", "these words"), Part("two", "X", "b", "these words")])
    assert page.count("these words") == 1
    assert "\none, two\n====" in page


def test_what_the_gpl_does_not_allow_beside_it_is_named() -> None:
    places = ["opencv_python_headless.libs/libssl-81259c47.so.1.1.1k", "av.libs/libx264-1.so"]
    assert unfit_to_pass_on(shipped_parts(places)) == ["OpenSSL 1.1"]
    assert unfit_to_pass_on(shipped_parts(places[1:])) == []


def test_the_command_lists_a_bundle_and_fails_on_a_stranger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside = tmp_path / "_internal"
    (inside / "av.libs").mkdir(parents=True)
    (tmp_path / "ssd-viewer").write_bytes(b"")
    (inside / "av.libs" / "libx264-1.so.165").write_bytes(b"")
    (inside / "libx264-1.so.165").symlink_to("av.libs/libx264-1.so.165")
    (inside / "LICENCES.txt").write_text("no library")
    assert libraries_in(tmp_path) == ["av.libs/libx264-1.so.165"]
    assert main([str(tmp_path)]) == 0
    assert "av.libs/libx264-1.so.165: x264, GPL-2.0-or-later" in capsys.readouterr().out
    (inside / "libnobody.so").write_bytes(b"")
    assert main([str(tmp_path)]) == 1
    assert "libnobody.so: UNKNOWN" in capsys.readouterr().out
    assert attribution.main([str(inside)]) == 1
    assert "make bundle" in capsys.readouterr().err


def test_a_bundle_that_was_made_here_is_all_attributed(repository: Path) -> None:
    bundle = repository / "dist" / "ssd-viewer"
    if not (bundle / "_internal").is_dir():
        pytest.skip("no bundle: make bundle")
    unknown = {place for place, part in owners(libraries_in(bundle)).items() if part is None}
    assert not unknown
