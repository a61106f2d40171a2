"""The archive for Linux and its scripts: installed, updated, removed in homes of awkward names; all else stays."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app import __version__
from app.core.file_types import IMAGE_SUFFIXES, VIDEO_ENDINGS
from tools.package import appimage, archive
from tools.package.archive import QUICK, main, write_archive
from tools.package.facts import PackageError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the archive for Linux")

PROGRAM = '#!/bin/sh\nif [ "$1" = --version ]; then echo "ssd-viewer 9.9"; else echo "started $0 with $1"; fi\n'


@pytest.fixture(scope="module", autouse=True)
def _dated() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        yield


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shaped like what `make bundle` makes; its program is a line of shell."""
    folder = tmp_path_factory.mktemp("dist") / "ssd-viewer"
    (folder / "_internal" / "av").mkdir(parents=True)
    (folder / "ssd-viewer").write_text(PROGRAM)
    (folder / "ssd-viewer").chmod(0o755)
    (folder / "_internal" / "LICENCES.txt").write_text("the page")
    (folder / "_internal" / "av" / "größe.so").write_bytes(b"1" * 1000)
    (folder / "_internal" / "link.so").symlink_to("av/größe.so")
    return folder


@pytest.fixture(scope="module")
def packed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(bundle, tmp_path_factory.mktemp("out"), QUICK)


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    with tarfile.open(packed) as opened:
        opened.extractall(tmp_path, filter="data")
    return tmp_path / packed.name.removesuffix(".tar.xz")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / 'Jürgen\'s "old" $HOME & 50% 家'
    folder.mkdir()
    return folder


def _sh(script: Path, *arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **more}
    command = ["sh", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)


def _all_of(folder: Path) -> dict[str, str | bytes]:
    """Each file's content, each link's target; but for the index that the desktop keeps of its menu entries."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.name != "mimeinfo.cache"
    }


def _command(desktop_file: Path) -> str:
    """The program of an Exec line: unescaped as a string, then as a quoted argument (Desktop Entry Specification)."""
    line = re.search(r"^Exec=(.*)$", desktop_file.read_text("utf-8"), re.MULTILINE)
    assert line
    once = re.sub(r"\\(.)", r"\1", line[1])
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)" %F', once)
    assert quoted
    return re.sub(r"\\(.)", r"\1", quoted[1]).replace("%%", "%")


def test_the_archive_is_the_bundle_with_scripts_and_icons(packed: Path, bundle: Path) -> None:
    assert re.fullmatch(rf"ssd-viewer-{re.escape(__version__)}-linux-\w+\.tar\.xz", packed.name)
    with tarfile.open(packed) as opened:
        members = {member.name.partition("/")[2]: member for member in opened.getmembers()}
    assert {name for name in members if name.startswith("program/")} == {f"program/{name}" for name in _all_of(bundle)}
    assert members["program/_internal/link.so"].linkname == "av/größe.so"
    for name in ("install.sh", "uninstall.sh", "program/ssd-viewer"):
        assert members[name].mode == 0o755
    assert {"README.txt", "LICENCES.txt", "share/applications/ssd-viewer.desktop"} <= set(members)
    assert {"service/ssd-viewer-watch@.service", "service/Dockerfile"} <= set(members)
    assert "share/icons/hicolor/16x16/apps/ssd-viewer.png" in members
    assert {(member.mtime, member.uid, member.gname) for member in members.values()} == {(1700000000, 0, "")}
    assert list(members) == sorted(members)


def test_the_same_bundle_gives_the_same_bytes(packed: Path, bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(bundle, copy, symlinks=True, copy_function=shutil.copy)
    assert write_archive(copy, tmp_path, QUICK).read_bytes() == packed.read_bytes()


def test_installed_started_and_removed_without_a_trace(unpacked: Path, home: Path, bundle: Path) -> None:
    (home / "mine.txt").write_text("mine")
    done = _sh(unpacked / "install.sh", home=home)
    assert done.returncode == 0, done.stderr
    assert "ssd-viewer 9.9 is installed in" in done.stdout
    program = home / ".local" / "lib" / "ssd-viewer"
    for name, content in _all_of(bundle).items():
        assert _all_of(program)[name] == content
    link = home / ".local" / "bin" / "ssd-viewer"
    assert subprocess.run([link, "x"], capture_output=True, text=True, check=True).stdout.startswith("started ")
    assert _command(home / ".local/share/applications/ssd-viewer.desktop") == str(program / "ssd-viewer")
    assert (home / ".local/share/icons/hicolor/scalable/apps/ssd-viewer.svg").is_file()

    command = re.search(r"^To remove it: (.*)$", done.stdout, re.MULTILINE)
    assert command
    removed = subprocess.run(["sh", "-c", command[1]], capture_output=True, text=True, check=False)  # as typed
    assert removed.returncode == 0, removed.stderr
    assert _all_of(home) == {"mine.txt": b"mine"}
    assert not program.exists()
    again = _sh(unpacked / "uninstall.sh", home=home)
    assert again.returncode == 1
    assert "no ssd-viewer that install.sh installed" in again.stderr


def test_twice_is_once_and_an_update_leaves_nothing_behind(unpacked: Path, home: Path) -> None:
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    first = _all_of(home)
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    assert _all_of(home) == first
    (unpacked / "program/_internal/av/größe.so").rename(unpacked / "program/_internal/av/new.so")
    (unpacked / "program/_internal/link.so").unlink()
    (unpacked / "share/icons/hicolor/22x22/apps/ssd-viewer.png").unlink()
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    gone, come = set(first) - set(_all_of(home)), set(_all_of(home)) - set(first)
    inside = ".local/lib/ssd-viewer/_internal/"
    icon = ".local/share/icons/hicolor/22x22/apps/ssd-viewer.png"
    assert gone == {f"{inside}av/größe.so", f"{inside}link.so", icon}
    assert come == {f"{inside}av/new.so"}
    assert _sh(home / ".local/lib/ssd-viewer/uninstall.sh", home=home).returncode == 0
    assert _all_of(home) == {}


def test_data_goes_where_the_desktop_looks(unpacked: Path, home: Path) -> None:
    data = home / "my data"
    assert _sh(unpacked / "install.sh", home=home, XDG_DATA_HOME=str(data)).returncode == 0
    assert (data / "applications" / "ssd-viewer.desktop").is_file()
    assert _sh(home / ".local/lib/ssd-viewer/uninstall.sh", home=home).returncode == 0
    assert _all_of(home) == {}


def test_for_everybody_under_a_prefix(unpacked: Path, home: Path) -> None:
    prefix = home / "usr local"
    assert _sh(unpacked / "install.sh", "--prefix", str(prefix), home=home).returncode == 0
    assert (prefix / "share" / "applications" / "ssd-viewer.desktop").is_file()
    assert (prefix / "bin" / "ssd-viewer").readlink() == prefix / "lib" / "ssd-viewer" / "ssd-viewer"
    assert _sh(unpacked / "uninstall.sh", "--prefix", str(prefix), home=home).returncode == 0
    assert _all_of(home) == {}


def test_what_others_put_there_stays(unpacked: Path, home: Path) -> None:
    """A program of the same name from elsewhere, a menu entry of one's own, files within the program's folder."""
    link = home / ".local" / "bin" / "ssd-viewer"
    entry = home / ".local" / "share" / "applications" / "ssd-viewer.desktop"
    for file in (link, entry):
        file.parent.mkdir(parents=True)
        file.write_text("theirs")
    done = _sh(unpacked / "install.sh", home=home)
    assert done.returncode == 0
    assert done.stdout.count("Left as it is") == 2
    stranger = home / ".local/lib/ssd-viewer/_internal/av/stranger"
    stranger.write_text("kept")
    refused = _sh(unpacked / "install.sh", home=home)
    assert refused.returncode == 1
    assert "./_internal/av/stranger" in refused.stderr
    done = _sh(home / ".local/lib/ssd-viewer/uninstall.sh", home=home)
    assert done.returncode == 0
    assert str(stranger) in done.stdout
    assert set(_all_of(home).values()) == {b"theirs", b"kept"}


def test_an_update_leaves_what_others_put_there_since(unpacked: Path, home: Path) -> None:
    """A program of the same name that took the link's place, and files called like the scripts' own."""
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    link = home / ".local" / "bin" / "ssd-viewer"
    link.unlink()
    link.symlink_to(home / "pipx")
    notes = home / ".local" / "share" / "applications" / "ssd-viewer.desktop.new"
    notes.write_text("theirs")
    done = _sh(unpacked / "install.sh", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Left as it is") == 1
    assert _sh(home / ".local/lib/ssd-viewer/uninstall.sh", home=home).returncode == 0
    assert set(_all_of(home).values()) == {str(home / "pipx"), b"theirs"}


def test_a_home_behind_a_link_is_a_home(unpacked: Path, home: Path, tmp_path: Path) -> None:
    shutil.copy("/bin/cat", unpacked / "program" / "ssd-viewer")
    (tmp_path / "link").symlink_to(home)
    assert _sh(unpacked / "install.sh", home=tmp_path / "link").returncode == 0
    program = tmp_path / "link" / ".local/lib/ssd-viewer"
    with subprocess.Popen([program / "ssd-viewer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write(b"up\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"up\n"
        assert "is running" in _sh(unpacked / "install.sh", home=tmp_path / "link").stderr
    assert _sh(program / "uninstall.sh", home=tmp_path / "link").returncode == 0
    assert _all_of(home) == {}


def test_a_folder_that_is_not_ours_is_refused(unpacked: Path, home: Path) -> None:
    theirs = home / ".local" / "lib" / "ssd-viewer" / "thesis.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("years of work")
    assert "was not installed by this script" in _sh(unpacked / "install.sh", home=home).stderr
    assert _sh(unpacked / "uninstall.sh", home=home).returncode == 1
    assert _all_of(home) == {".local/lib/ssd-viewer/thesis.txt": b"years of work"}


def test_a_damaged_list_reaches_nothing_else(unpacked: Path, home: Path) -> None:
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    precious = home / "precious.txt"
    precious.write_text("precious")
    (home / "ssd-viewer.doc").write_text("precious")
    with (home / ".local/lib/ssd-viewer/installed-files").open("a") as file:
        file.write(f"{precious}\n./../../../precious.txt\n{home}/.local/../ssd-viewer.doc\n-rf\n\n/\n.\n")
    assert _sh(home / ".local/lib/ssd-viewer/uninstall.sh", home=home).returncode == 0
    assert set(_all_of(home)) == {"precious.txt", "ssd-viewer.doc"}


def test_a_program_that_does_not_run_here_replaces_nothing(unpacked: Path, home: Path) -> None:
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    before = _all_of(home)
    (unpacked / "program" / "ssd-viewer").write_text("#!/bin/sh\necho 'libc is too old' >&2\nexit 127\n")
    failed = _sh(unpacked / "install.sh", home=home)
    assert failed.returncode == 1
    assert "libc is too old" in failed.stderr
    assert "Nothing was changed" in failed.stderr
    assert _all_of(home) == before


def test_a_running_program_is_left_alone(unpacked: Path, home: Path) -> None:
    """A link to another program will not do here: the system knows a process by its file."""
    shutil.copy("/bin/cat", unpacked / "program" / "ssd-viewer")  # it knows --version, and waits for input
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    before = _all_of(home)
    program = home / ".local/lib/ssd-viewer"
    with subprocess.Popen([program / "ssd-viewer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write(b"up\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"up\n"
        for script in (unpacked / "install.sh", program / "uninstall.sh"):
            done = _sh(script, home=home)
            assert (done.returncode, "is running" in done.stderr) == (1, True)
        assert _all_of(home) == before
    assert _sh(program / "uninstall.sh", home=home).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prefix"], "needs a folder"),
        (["--force"], "unknown argument --force"),
        (["--prefix", "/dev/null/x"], "cannot"),
    ],
)
def test_what_makes_no_sense_is_said(unpacked: Path, home: Path, arguments: list[str], said: str) -> None:
    done = _sh(unpacked / "install.sh", *arguments, home=home)
    assert done.returncode == 1
    assert said in done.stderr
    assert "prefix" in _sh(unpacked / "install.sh", "--help", home=home).stdout
    assert "prefix" in _sh(unpacked / "uninstall.sh", "--help", home=home).stdout


def test_an_archive_that_was_unpacked_in_part_is_refused(unpacked: Path, home: Path) -> None:
    shutil.rmtree(unpacked / "program")
    assert "not the whole archive" in _sh(unpacked / "install.sh", home=home).stderr
    assert _all_of(home) == {}


def test_the_menu_entry_offers_what_the_window_opens(repository: Path) -> None:
    text = (repository / "packaging/linux/ssd-viewer.desktop").read_text("utf-8")
    offered = set(re.findall(r"[\w.+-]+/[\w.+-]+", re.search(r"^MimeType=(.*)$", text, re.MULTILINE)[1]))  # type: ignore[index]  # it has one
    globs = Path("/usr/share/mime/globs")
    if not globs.is_file():
        pytest.skip("shared-mime-info is not installed")
    endings: dict[str, set[str]] = {}
    for line in globs.read_text("utf-8").splitlines():
        kind, _, pattern = line.partition(":")
        endings.setdefault(pattern.removeprefix("*"), set()).add(kind)
    uncommon = {".mts", ".m2ts", ".mjpeg", ".mjpg", ".gif", ".ppm", ".pgm", ".pbm", ".avif", ".jp2", ".dib"}
    missing = {ending for ending in {*VIDEO_ENDINGS, *IMAGE_SUFFIXES} - uncommon if not endings[ending] & offered}
    assert not missing
    assert offered <= set().union(*endings.values()) | {"video/x-msvideo", "video/vnd.avi", "video/x-m4v"}  # old, new


def test_desktop_tools_find_nothing_wrong(unpacked: Path, home: Path) -> None:
    assert _sh(unpacked / "install.sh", home=home).returncode == 0
    data = home / ".local" / "share"
    told = ElementTree.parse(data / "metainfo" / "ssd-viewer.metainfo.xml").getroot()
    assert told.findtext("id") == "ssd-viewer"
    release = told.find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("date")) == (__version__, "2023-11-14")
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", data / "applications" / "ssd-viewer.desktop"], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", *sorted(unpacked.glob("*.sh"))], check=True)


@pytest.mark.parametrize("name", ["install.sh", "uninstall.sh", "AppRun"])
def test_scripts_are_plain_sh(repository: Path, name: str) -> None:
    file = repository / "packaging" / "linux" / name
    subprocess.run(["sh", "-n", file], check=True)
    assert file.read_text().startswith("#!/bin/sh\n")
    assert os.access(file, os.X_OK)


def test_no_bundle_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bundle", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "make bundle" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_date_that_is_none_is_said(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(PackageError, match="yesterday"):
        write_archive(bundle, tmp_path, QUICK)


def test_a_disk_that_fills_leaves_no_archive(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "add_entry", full)
    with pytest.raises(OSError, match="No space"):
        write_archive(bundle, tmp_path, QUICK)
    assert list(tmp_path.iterdir()) == []


def test_an_appdir_runs_as_it_is(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without appimagetool it says so, and what it laid out starts the program through any path."""
    folder = tmp_path / "AppDir"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert appimage.main(["--bundle", str(bundle), "--out", str(tmp_path)]) == 1
    assert "no appimagetool" in capsys.readouterr().err
    (tmp_path / "link to it").symlink_to(folder / "AppRun")
    said = subprocess.run([tmp_path / "link to it", "a b"], capture_output=True, text=True, check=True).stdout
    assert said == f"started {folder}/usr/lib/ssd-viewer/ssd-viewer with a b\n"
    assert (folder / ".DirIcon").resolve().is_file()
    assert (folder / "ssd-viewer.desktop").is_file()
    assert _all_of(folder / "usr/lib/ssd-viewer") == _all_of(bundle)
    assert appimage.main(["--bundle", str(bundle), "--out", str(tmp_path)]) == 1
    assert "Remove it first" in capsys.readouterr().err
