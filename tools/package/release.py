"""All that a release consists of, into one folder: ``make release``, or ``python -m tools.package.release``.

    ssd-viewer-VERSION-linux-x86_64.tar.xz     the packaged program with install.sh
    ssd-viewer-VERSION-sources.tar.xz          what it was made of: the GPL wants that offered beside it
    ssd_viewer-VERSION-py3-none-any.whl        for pipx and uv
    LICENCES.txt                               everybody's terms
    SHA256SUMS                                 for sha256sum --check

Only from a checkout without changes and with the version in CHANGELOG.md; ``--trial`` says what is amiss and goes on.
The same commit on the same system gives the same files: dates are the commit's, orders are sorted, hashes not salted.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.package.archive import BEST, QUICK, write_archive
from tools.package.attribution import libraries_in, owners, unfit_to_pass_on
from tools.package.facts import INSIDE, NAME, ROOT, VERSION, PackageError, bundle_kind, source_date

SUMS = "SHA256SUMS"
_SELF_TEST_S = 600


def changelog_entry(text: str, version: str) -> str:
    """Date of the version's entry in CHANGELOG.md, e.g. ``2026-11-23`` or ``unreleased``; empty if it has none."""
    entry = re.search(rf"^## \[?{re.escape(version)}\]?(?: - | )\(?([\w-]+)\)?$", text, re.MULTILINE)
    return entry[1] if entry else ""


def obstacles() -> list[str]:
    """Returns the reasons why this checkout cannot be released, a line each."""
    found = []
    changed = _git("status", "--porcelain").splitlines()
    if changed:
        found.append(f"the checkout has {len(changed)} files that are changed or not committed: {changed[0][3:]} …")
    date = changelog_entry((ROOT / "CHANGELOG.md").read_text("utf-8"), VERSION)
    if not date:
        found.append(f"CHANGELOG.md has no entry for {VERSION}")
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        found.append(f"CHANGELOG.md calls {VERSION} {date}; it wants a date: ## {VERSION} - YYYY-MM-DD")
    return found


def build(work: Path) -> Path:
    """Make the bundle as `make bundle` does, below ``work``.

    Raises:
        PackageError: PyInstaller failed; what it said is on stderr.
    """
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"]
    command += ["--distpath", str(work / "dist"), "--workpath", str(work / "build"), str(ROOT / "build.spec")]
    environment = {**reproducible(), "PYTHONPATH": str(ROOT / "build" / "small_opencv")}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise PackageError("PyInstaller failed (see above).")
    return work / "dist" / NAME


def reproducible() -> dict[str, str]:
    """The environment in which building twice gives the same bytes."""
    return {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(source_date()),
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }


def check(bundle: Path) -> list[str]:
    """Returns what is wrong with a bundle, a line each: it does not work, or may not be distributed."""
    found = []
    parts = owners([NAME, *libraries_in(bundle)])
    unknown = [place for place, part in parts.items() if part is None]
    if unknown:
        found.append(f"nobody is known to own {', '.join(unknown)} (tools/package/attribution.py)")
    unfit = unfit_to_pass_on(part for part in parts.values() if part)
    if unfit:
        found.append(f"the GPL does not allow passing it on with {', '.join(unfit)} inside (see docs/packaging.md)")
    program = str(bundle / NAME)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if said != f"{NAME} {VERSION}":
        found.append(f"it calls itself {said!r}, not {NAME} {VERSION}")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        tried = subprocess.run([program, "self-test"], env=environment, check=False, timeout=_SELF_TEST_S)
    except subprocess.TimeoutExpired:
        return [*found, f"its self-test did not end within {_SELF_TEST_S} s"]
    return [*found, *(["its self-test failed (see above)"] if tried.returncode else [])]


def write_sources(folder: Path, preset: int) -> Path:
    """Pack the last commit's files, the same bytes every time."""
    top = f"{NAME}-{VERSION}-sources"
    tar = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", f"--prefix={top}/", "HEAD"],
        capture_output=True,
        check=False,
    )
    if tar.returncode:
        raise PackageError(tar.stderr.decode(errors="replace").strip())
    target = folder / f"{top}.tar.xz"
    target.write_bytes(lzma.compress(tar.stdout, preset=preset))
    return target


def write_wheel(folder: Path, sources: Path) -> Path:
    """Make the wheel from the packed sources, so that nothing else gets into it.

    Raises:
        PackageError: pip failed; what it said is on stderr.
    """
    with tempfile.TemporaryDirectory() as scratch:
        shutil.unpack_archive(sources, scratch, filter="data")
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps"]
        command += ["--wheel-dir", str(Path(scratch, "made")), str(Path(scratch, sources.name.removesuffix(".tar.xz")))]
        if subprocess.run(command, env=reproducible(), check=False).returncode:
            raise PackageError("pip made no wheel (see above).")
        made = next(Path(scratch, "made").glob("*.whl"))
        return Path(shutil.copy(made, folder / made.name))


def write_sums(folder: Path) -> Path:
    """SHA-256 of every file in ``folder``, as sha256sum reads them."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != SUMS)
    lines = []
    for file in files:
        with file.open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n")
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return folder / SUMS


def make(folder: Path, bundle: Path | None, trial: bool) -> None:
    """Everything, in the order in which it can go wrong.

    Args:
        folder: For the finished files; emptied of an older release first.
        bundle: One that is made already; None makes it.
        trial: Go on where a release would be refused, and pack quickly.

    Raises:
        PackageError: Refused, or a step failed.
        OSError: A file could not be read or written.
    """
    foreign = [f"nobody knows whether {bundle} was made of this commit"] if bundle else []
    _stop_at([*obstacles(), *foreign], trial)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{NAME.replace('-', '?')}-*"):
        old.unlink()
    preset = QUICK if trial else BEST
    made = bundle or build(ROOT / "build" / "release")
    bundle_kind(made)
    _stop_at(check(made), trial)
    write_archive(made, folder, preset)
    shutil.copy(made / INSIDE / "LICENCES.txt", folder / "LICENCES.txt")
    write_wheel(folder, write_sources(folder, preset))
    write_sums(folder)


def _stop_at(found: Sequence[str], trial: bool) -> None:
    for line in found:
        print(f"{'Trial, so in spite of this' if trial else 'No release'}: {line}", file=sys.stderr)
    if found and not trial:
        raise PackageError("Mend that, or try the rest with --trial.")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise PackageError("A release is made from a git checkout, and this is none.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Make it, and list it; 1 where that was refused or failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.release", description="All files of a release.")
    parser.add_argument("--out", type=Path, default=Path("dist", "release"), help="default: %(default)s")
    parser.add_argument("--bundle", type=Path, help="a bundle that is made already; for trials")
    parser.add_argument("--trial", action="store_true", help="go on in spite of obstacles, and pack quickly")
    options = parser.parse_args(arguments)
    try:
        make(options.out, options.bundle, options.trial)
    except (PackageError, OSError) as error:
        print(f"No release: {error}", file=sys.stderr)
        return 1
    for file in sorted(options.out.iterdir()):
        print(f"{file.stat().st_size / 1e6:8.1f} MB  {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
