"""A zip for whoever is asked for help: versions, self-test, settings, log, crashes. Blocks for seconds; for a worker.

Nothing in it tells what somebody looked at: no images, no names of files, no addresses. So of the log only what the
program itself wrote is kept (time, place, the traceback's code); what a line says may name a file and is left out.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app import __version__
from app.core.files.atomic_file import write_atomically
from app.core.files.regular_file import open_regular
from app.core.licences import ROOTS
from app.core.settings import SettingInfo, Settings
from detector.bundled_files import bundled_dir
from detector.model_file import MODEL_SUFFIX
from detector.registry import MODELS

_TIMEOUT_S = 180.0
_LOG_BYTES = 500_000
_MAX_CRASHES = 5
_RECORD = re.compile(r"(\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ \S+ [A-Za-z0-9_.]+): ")
_CODE = re.compile(r'  File "([^"]*)", (line \d+,? in \S+)$')
# Of a fault; of an end that app.core.exit_watchdog had to force, with the stack of each thread.
_STACKS = re.compile(r"(Traceback \(most recent call last\)|Timeout \([\d:.]+\)!$|Thread 0x[0-9a-f]+ \(most recent)")
_STACK = re.compile(r'  File "([^"]*)", (line \d+ in .+)$')
_STACK_HEAD = re.compile(
    r"(ssd-viewer |Fatal Python error: |Windows fatal exception: |(Current t|T)hread 0x|Extension modules: )"
)
_FAULT = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning))(?::.*)?$")
_PLACE = re.compile(r"\S*[/\\]\S*|\S+\.[A-Za-z]\w{1,11}\b")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?")
_HIDDEN = "***"


def write_diagnostics(
    target: Path, settings: Settings, log: Path, self_test: Callable[[], dict[str, Any]] | None = None
) -> None:
    """Write the zip; it is complete or not there.

    Args:
        target: The zip.
        settings: Those in force.
        log: The window's log; it need not exist.
        self_test: Gives the report of the self-test; None runs it in another process.

    Raises:
        AppError: It cannot be written there.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("versions.json", _as_json(versions()))
        archive.writestr("settings.json", _as_json(private_settings(settings)))
        archive.writestr("self-test.json", _as_json(private_report((self_test or run_self_test)())))
        for file in (log, log.with_name(log.name + ".1")):
            text = _tail(file)
            if text:
                archive.writestr(file.name, private_log(text))
        for file in sorted((log.parent / "crashes").glob("crash-*.txt"))[-_MAX_CRASHES:]:
            archive.writestr(f"crashes/{file.name}", private_stacks(_tail(file)))
    write_atomically(target, packed.getvalue())


def versions() -> dict[str, str]:
    """The program, its packages and the computer; not the computer's name."""
    found = {
        "ssd-viewer": __version__,
        "packaged": str(bool(getattr(sys, "frozen", False))),
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }
    for name in ROOTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def run_self_test() -> dict[str, Any]:
    """The self-test's report, made by another process: what crashes there does not crash here."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "app"]
    try:
        done = subprocess.run(
            [*program, "self-test", "--json", "-"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},  # it opens a window, and there is one already
            timeout=_TIMEOUT_S,
            check=False,
        )
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"ok": False, "failure": f"no answer within {_TIMEOUT_S:.0f} s"}
    except OSError as error:
        return {"ok": False, "failure": f"did not start: {error.strerror}"}
    except ValueError:
        return {"ok": False, "failure": f"ended with code {done.returncode} and no report"}
    return report if isinstance(report, dict) else {"ok": False, "failure": "not a report"}


def private_settings(settings: Settings) -> dict[str, Any]:
    """The settings without any text that somebody typed or picked: only offered choices and known models are told."""
    known = frozenset(MODELS) | {path.stem for path in bundled_dir().glob(f"*{MODEL_SUFFIX}")}
    told: dict[str, Any] = {}
    for group in dataclasses.fields(settings):
        values = getattr(settings, group.name)
        told[group.name] = {
            field.name: _private(field.metadata["setting"], getattr(values, field.name), known)
            for field in dataclasses.fields(values)
        }
    return told


def _private(info: SettingInfo, value: object, known: frozenset[str]) -> object:
    """The value of one setting; a text in it is hidden, unless it is one of those that are offered to everybody."""
    if isinstance(value, str):
        offered = value in {stored for stored, _ in info.choices} or (info.dynamic == "models" and value in known)
        is_device = info.dynamic == "devices" and _DEVICE.fullmatch(value) is not None
        return value if not value or offered or is_device else _HIDDEN
    if isinstance(value, Mapping):
        names = [name if name in known else f"{_HIDDEN} {number}" for number, name in enumerate(value, 1)]
        return dict(zip(names, value.values(), strict=True))
    if isinstance(value, tuple):
        return [_HIDDEN for _ in value]
    return value


def private_report(report: dict[str, Any]) -> dict[str, Any]:
    """The self-test's report; a check that failed may name files, which are taken out."""
    checks = report.get("checks")
    if not isinstance(checks, list):
        return report
    kept = []
    for check in checks:
        detail = str(check.get("detail", ""))
        if check.get("ok") is False:
            detail = _PLACE.sub(_HIDDEN, detail.replace(str(Path.home()), _HIDDEN))
        kept.append({**check, "detail": detail})
    return {**report, "checks": kept}


def private_log(text: str) -> str:
    """Returns the parts of a log that cannot name a file: time, level, thread, module, and the code of tracebacks."""
    kept: list[str] = []
    code = False  # the line after a place in our code or Python's is a line of that code
    for line in text.splitlines():
        place = _CODE.match(line)
        fault = _FAULT.match(line)
        if record := _RECORD.match(line):
            kept.append(record[1])
        elif place is not None:
            kept.append(f'  File "{_short(place[1])}", {place[2]}')
        elif _STACKS.match(line) or (code and line.startswith("    ")):
            kept.append(line)
        elif fault is not None:
            kept.append(fault[1])
        code = place is not None
    return "\n".join(kept) + "\n"


def private_stacks(text: str) -> str:
    """Returns a crash report's threads and their places in the code, without where the program is installed."""
    kept: list[str] = []
    for line in text.splitlines():
        place = _STACK.match(line)
        if place is not None:
            kept.append(f'  File "{_short(place[1])}", {place[2]}')
        elif _STACK_HEAD.match(line):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _short(path: str) -> str:
    return "/".join(re.split(r"[/\\]", path)[-3:])


def _tail(file: Path) -> str:
    try:
        with open_regular(file) as opened:
            opened.seek(max(0, file.stat().st_size - _LOG_BYTES))
            return opened.read(_LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
