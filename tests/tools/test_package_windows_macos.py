"""What packages for Windows and macOS are made with, as far as it can be checked anywhere: names, keys, scripts."""

from __future__ import annotations

import plistlib
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from app import __version__
from app.core.file_types import IMAGE_SUFFIXES, VIDEO_ENDINGS
from tools.package.windows_version import version_numbers, version_text

Section = list[dict[str, str]]


@pytest.fixture
def installer(repository: Path) -> Path:
    return repository / "packaging" / "windows" / "ssd-viewer.iss"


def _read(installer: Path) -> tuple[dict[str, str], dict[str, Section]]:
    """Inno Setup's own syntax: #define lines, [Sections], `Key=value` or `Key: value; Key: value`."""
    defines: dict[str, str] = {}
    sections: dict[str, Section] = {}
    lines: Section = []
    for line in installer.read_text("ascii").splitlines():
        if not line or line.startswith(";"):
            continue
        if define := re.fullmatch(r"#define (\w+) (.+)", line):
            defines[define[1]] = define[2]
        elif section := re.fullmatch(r"\[(\w+)\]", line):
            lines = sections.setdefault(section[1], [])
        elif setting := re.fullmatch(r"(\w+)=(.+)", line):
            lines.append({"key": setting[1], "value": setting[2]})
        else:
            fields = re.findall(r'(\w+): ("(?:[^"]|"")*"|[\w. ]+)(?:; |$)', line)
            assert "; ".join(f"{key}: {value}" for key, value in fields) == line
            lines.append({key: value if '""' in value else value.strip('"') for key, value in fields})
    return defines, sections


def test_the_installer_is_whole(installer: Path, repository: Path) -> None:
    defines, sections = _read(installer)
    assert list(sections) == ["Setup", "Tasks", "InstallDelete", "Files", "Icons", "Registry", "Run"]
    used = set(re.findall(r"\{#(\w+)\}", installer.read_text("ascii")))
    assert used <= set(defines)
    setup = {line["key"]: line["value"] for line in sections["Setup"]}
    assert setup["PrivilegesRequired"] == "lowest"
    assert re.fullmatch(r"\{\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", setup["AppId"])  # {{ is a literal {
    assert setup["AppVersion"] == "{#Version}"
    assert "ProductVersion" in defines["Version"]
    assert __version__ not in installer.read_text("ascii")
    spec = (repository / "build.spec").read_text("utf-8")
    assert setup["SetupIconFile"] == r"..\..\build\icons\ssd-viewer.ico"
    assert 'ROOT / "build" / "icons"' in spec
    assert r"..\..\dist\ssd-viewer" in defines["Bundle"]
    assert 'name="ssd-viewer"' in spec


def test_open_with_offers_what_the_window_opens_and_takes_nothing_over(installer: Path) -> None:
    _, sections = _read(installer)
    types_ = [line for line in sections["Registry"] if line["Subkey"] == "{#Types}"]
    assert sorted(line["ValueName"] for line in types_) == sorted({*VIDEO_ENDINGS, *IMAGE_SUFFIXES})
    assert all(line["Root"] == "HKA" for line in sections["Registry"])  # the user's own, without administrator
    assert all(line["Subkey"].startswith("{#") for line in sections["Registry"])
    command = next(line for line in sections["Registry"] if line["Subkey"].endswith(r"\command"))
    assert command["ValueData"] == r'"""{app}\{#Exe}"" ""%1"""'


def test_uninstalling_keeps_what_is_the_users(installer: Path) -> None:
    _, sections = _read(installer)
    assert "UninstallDelete" not in sections
    assert [line["Name"] for line in sections["InstallDelete"]] == [r"{app}\_internal"]


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", (0, 1, 0, 0)), ("1.2", (1, 2, 0, 0)), ("10.20.30rc1", (10, 20, 30, 0)), ("1.2.3.4.5", (1, 2, 3, 4))],
)
def test_windows_compares_four_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(version) == numbers


def test_pyinstaller_reads_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own loader."""
    if sys.platform != "win32":  # used only to write into an executable
        monkeypatch.setitem(sys.modules, "pefile", types.ModuleType("pefile"))
        monkeypatch.setattr("PyInstaller.compat.win32api", None, raising=False)
    versioninfo = pytest.importorskip("PyInstaller.utils.win32.versioninfo")
    file = tmp_path / "version.txt"
    file.write_text(version_text("10.20.30rc1"), encoding="utf-8")
    read = versioninfo.load_version_info_from_text_file(str(file))
    assert (read.ffi.fileVersionMS, read.ffi.fileVersionLS) == (10 << 16 | 20, 30 << 16)
    strings = {entry.name: entry.val for entry in read.kids[0].kids[0].kids}
    assert strings["ProductVersion"] == "10.20.30rc1"
    assert strings["FileDescription"] == "ssd-viewer"
    assert __version__ in version_text()


def test_the_mac_asks_for_the_camera_and_lets_openvino_write_code(repository: Path) -> None:
    keys = plistlib.loads((repository / "packaging/macos/Info.plist").read_bytes())
    assert keys["NSCameraUsageDescription"].endswith("stays on this computer.")
    assert re.fullmatch(r"\d+\.\d+", keys["LSMinimumSystemVersion"])
    kinds = {kind for entry in keys["CFBundleDocumentTypes"] for kind in entry["LSItemContentTypes"]}
    assert kinds == {"public.movie", "public.image", "public.folder"}
    assert {entry["LSHandlerRank"] for entry in keys["CFBundleDocumentTypes"]} == {"Alternate"}
    assert not {key for key in keys if "Version" in key} - {"LSMinimumSystemVersion"}  # build.spec knows the program's
    granted = plistlib.loads((repository / "packaging/macos/entitlements.plist").read_bytes())
    assert {name.rpartition(".")[2] for name, on in granted.items() if on} == {
        "camera",
        "allow-jit",
        "allow-unsigned-executable-memory",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a script for sh")
def test_signing_refuses_what_it_cannot_do(repository: Path) -> None:
    script = repository / "packaging" / "macos" / "sign.sh"
    subprocess.run(["sh", "-n", script], check=True)

    def said(**environment: str) -> str:
        command = ["sh", str(script)]
        done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert "SIGN_IDENTITY is not set" in said()
    assert "NOTARY_PROFILE is not set" in said(SIGN_IDENTITY="somebody")
    if sys.platform != "darwin":
        assert "macOS only" in said(SIGN_IDENTITY="somebody", NOTARY_PROFILE="theirs")
