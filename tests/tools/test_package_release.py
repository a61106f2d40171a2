"""A release is made from committed files only, is the same twice, and two builds are compared file by file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from app import __version__
from tools.package import archive, release
from tools.package.compare import differences, excused
from tools.package.compare import main as compare
from tools.package.facts import PackageError
from tools.package.release import changelog_entry, obstacles, write_sources, write_sums

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="releases are made from git")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit, which releases are made of here."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {__version__} - 2030-01-02\n\n- All of it.\n")
    (folder / ".gitignore").write_text("dist/\n")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.setattr(release, "ROOT", folder)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "_internal").mkdir(parents=True)
    (folder / "ssd-viewer").write_text(f'#!/bin/sh\n[ "$1" = self-test ] || echo "ssd-viewer {__version__}"\n')
    (folder / "ssd-viewer").chmod(0o755)
    (folder / "_internal" / "LICENCES.txt").write_text("the page")
    return folder


def test_the_version_is_said_in_one_place(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.__version__"}
    tracked = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("no checkout")
    said = re.compile(rf"(version|ssd.viewer)[\W_]{{1,8}}{re.escape(__version__)}(?![\d.])", re.IGNORECASE)
    places = set()
    for name in tracked.splitlines():
        file = repository / name
        if file.suffix in (".py", ".toml", ".md", ".spec", ".iss", ".plist", ".xml", ".sh", ".desktop", ".txt"):
            places |= {name} if file.is_file() and said.search(file.read_text("utf-8")) else set()
    assert {name for name in places if not name.startswith("tests/")} == {"app/__init__.py"}


def test_the_changelog_has_this_version(repository: Path) -> None:
    text = (repository / "CHANGELOG.md").read_text("utf-8")
    assert changelog_entry(text, __version__)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ - (\d{4}-\d\d-\d\d|unreleased)", line) for line in headings)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize(
    ("heading", "date"),
    [
        ("## 1.2.0 - 2030-01-02", "2030-01-02"),
        ("## [1.2.0] - 2030-01-02", "2030-01-02"),
        ("## 1.2.0 (unreleased)", "unreleased"),
        ("## 1.2.01 - 2030-01-02", ""),
        ("### 1.2.0 - 2030-01-02", ""),
        ("## 1x2.0 - 2030-01-02", ""),
    ],
)
def test_changelog_entries(heading: str, date: str) -> None:
    assert changelog_entry(f"# Changelog\n\n{heading}\n\n- x\n", "1.2.0") == date


def test_a_clean_checkout_with_a_dated_entry_may_be_released(checkout: Path) -> None:
    assert obstacles() == []
    (checkout / "new.py").write_text("")
    assert "new.py" in obstacles()[0]


@pytest.mark.parametrize(("text", "said"), [("", "no entry for"), (f"## {__version__} - unreleased\n", "wants a date")])
def test_a_version_without_entry_is_refused(checkout: Path, text: str, said: str) -> None:
    (checkout / "CHANGELOG.md").write_text(text)
    assert said in obstacles()[-1]


def test_no_checkout_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(PackageError, match="git checkout"):
        obstacles()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the archive for Linux")
def test_a_release_is_complete_and_its_sums_hold(
    checkout: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wheel(folder: Path, sources: Path) -> Path:
        assert sources.is_file()
        return Path(shutil.copy(sources, folder / f"ssd_viewer-{__version__}-py3-none-any.whl"))

    monkeypatch.setattr(release, "write_wheel", wheel)  # pip would fetch setuptools
    out = tmp_path / "out"
    out.mkdir()
    (out / "ssd-viewer-0.0.1-linux-x86_64.tar.xz").write_text("of an older release")
    monkeypatch.setattr(release, "build", lambda _work: bundle)
    assert release.main(["--out", str(out)]) == 0, capsys.readouterr().err
    names = {re.sub(r"linux-\w+", "linux", file.name) for file in out.iterdir()}
    start = f"ssd-viewer-{__version__}"
    wanted = {f"{start}-linux.tar.xz", f"{start}-sources.tar.xz", f"ssd_viewer-{__version__}-py3-none-any.whl"}
    assert names == wanted | {"LICENCES.txt", "SHA256SUMS"}
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=out, check=True)
    with tarfile.open(out / f"{start}-sources.tar.xz") as opened:
        assert f"{start}-sources/CHANGELOG.md" in opened.getnames()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the archive for Linux")
def test_a_bundle_that_is_wrong_is_refused_unless_on_trial(
    checkout: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "_internal" / "libnobody.so").write_text("")
    (bundle / "_internal" / "opencv.libs").mkdir()
    (bundle / "_internal" / "opencv.libs" / "libssl-1.so.1.1.1k").write_text("")
    (bundle / "ssd-viewer").write_text("#!/bin/sh\necho ssd-viewer 0.0.1\nexit 3\n")
    (checkout / "changed").write_text("")
    arguments = ["--out", str(tmp_path / "out"), "--bundle", str(bundle)]
    assert release.main(arguments) == 1
    said = capsys.readouterr().err
    assert "not committed" in said
    assert "made of this commit" in said
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(release, "write_wheel", lambda _folder, sources: sources)
    assert release.main([*arguments, "--trial"]) == 0
    said = capsys.readouterr().err
    for line in ("not committed", "libnobody.so", "OpenSSL 1.1", "calls itself 'ssd-viewer 0.0.1'", "self-test failed"):
        assert f"{line}" in said
    assert said.count("Trial, so in spite of this") == 6


def test_sources_are_the_same_twice(checkout: Path, tmp_path: Path) -> None:
    first = write_sources(tmp_path, 0).read_bytes()
    (checkout / "changed").write_text("not committed, so not in it")
    assert write_sources(tmp_path, 0).read_bytes() == first


def test_sums_leave_themselves_out(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "a").write_bytes(b"")
    write_sums(tmp_path)
    text = write_sums(tmp_path).read_text()
    assert [line.split("  ")[1] for line in text.splitlines()] == ["a", "b"]
    assert text.startswith("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n")


def test_differences_are_found_in_folders_and_archives(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    assert compare([str(bundle), str(other)]) == 0
    first = archive.write_archive(bundle, tmp_path / "1", archive.QUICK)
    assert compare([str(first), str(archive.write_archive(other, tmp_path / "2", archive.QUICK))]) == 0
    (other / "_internal" / "LICENCES.txt").write_text("another")
    (other / "_internal" / "new").symlink_to("LICENCES.txt")
    (other / "ssd-viewer").chmod(0o644)
    capsys.readouterr()
    assert compare([str(bundle), str(other)]) == 1
    said = capsys.readouterr().out
    for line in ("LICENCES.txt: not the same", "new: only in the second", "ssd-viewer: not the same"):
        assert line in said
    assert compare([str(first), str(archive.write_archive(other, tmp_path / "3", archive.QUICK))]) == 1
    assert compare([str(bundle), str(tmp_path / "nothing")]) == 1
    assert compare([str(bundle), str(bundle / "ssd-viewer")]) == 1


def test_exceptions_are_whole_names() -> None:
    exceptions = {r"x\.bin": "has a date in it"}
    assert excused("_internal/x.bin", exceptions) == "has a date in it"
    assert not excused("_internal/xx.bin", exceptions)
    assert not excused("_internal/x.binary", exceptions)
    assert differences({"a": "1"}, {"b": "1"}) == {"a": "only in the first", "b": "only in the second"}
