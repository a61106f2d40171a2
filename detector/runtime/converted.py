"""Converted networks kept on disk, so that torch is needed once per model and never in this process.

Converting takes seconds, half a gigabyte and the interpreter's lock; a window would stand still. So another process
does it, and what it leaves in the cache is read by OpenVINO alone from then on.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.runtime.conversion import convert_network
from detector.runtime.openvino_runtime import last_line, load_openvino
from detector.shelf import ShelfEntry

_FORMAT = 1
"""Raised when a network of ours changes what it computes from the same weights."""

_MOST_BYTES = 2**30
_GRAPH, _WEIGHTS = "network.xml", "network.bin"
_log = logging.getLogger(__name__)


def read_converted(openvino: Any, entry: ShelfEntry, cache_dir: Path) -> Any:
    """The network of ``entry`` as an ``openvino.Model``, converted now or earlier.

    Args:
        openvino: The module.
        entry: The model, with weights.
        cache_dir: Where converted networks are kept; what is damaged there is made again.

    Raises:
        DetectorError: The weights are damaged, or the network cannot be converted.
    """
    assert entry.path is not None  # open_detector refuses entries without weights
    folder = cache_dir / _key(openvino, entry.path)
    graph, weights = folder / _GRAPH, folder / _WEIGHTS
    if graph.is_file() and weights.is_file():
        try:
            folder.touch()  # in use: the last to be thrown away
            return openvino.Core().read_model(str(graph), str(weights))
        except (RuntimeError, OSError) as error:
            _log.info("%s is damaged and made again: %s", folder.name, error)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(cache_dir, folder)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _convert_elsewhere(entry, Path(work))
            for name in (_WEIGHTS, _GRAPH):  # the graph last: it is what is looked for first
                (Path(work) / name).replace(folder / name)
    except OSError as error:
        _log.info("converted networks cannot be kept in %s: %s", cache_dir, error)
        return convert_network(openvino, entry)
    try:
        return openvino.Core().read_model(str(graph), str(weights))
    except RuntimeError as error:
        raise DetectorError(f"OpenVINO cannot read what it converted: {last_line(error)}") from error


def _make_room(cache_dir: Path, kept: Path) -> None:
    """Throw away the networks that were not used for longest, and what an interrupted conversion left."""
    others = [folder for folder in cache_dir.iterdir() if folder.is_dir() and folder != kept]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    used = 0
    for folder in others:
        used += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if used > _MOST_BYTES or not (folder / _GRAPH).is_file():
            shutil.rmtree(folder, ignore_errors=True)  # in use elsewhere on Windows: it goes the next time


def _key(openvino: Any, path: Path) -> str:
    """A folder name for this file's content under this converter.

    Raises:
        DetectorError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    version = "".join(c if c.isalnum() else "-" for c in str(openvino.__version__).partition("+")[0])
    return f"{digest[:24]}-{_FORMAT}-openvino-{version}"


def _convert_elsewhere(entry: ShelfEntry, folder: Path) -> None:
    # Spawned, not forked: the window's threads and locks must not be copied.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_convert, args=(entry, folder, sender), name="ssdv-convert", daemon=True)
    with _interrupts_kept_off():
        process.start()
    sender.close()  # the child's end is then the only one, so its death ends the wait
    try:
        failure = receiver.recv()
    except EOFError:
        failure = (f"Converting {entry.name} ended before its time.", "Close other programs to free memory.")
    except BaseException:
        process.kill()
        raise
    finally:
        receiver.close()
        process.join()
    if failure is not None:
        raise DetectorError(*failure)


@contextlib.contextmanager
def _interrupts_kept_off() -> Iterator[None]:
    """Ctrl-C goes to every process on the terminal; one started in here leaves it to its parent, which ends it.

    It would answer with a traceback otherwise, even before any code of ours runs in it.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # now, because starting it undoes the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by what this thread starts
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _convert(entry: ShelfEntry, folder: Path, sender: Connection) -> None:
    """The other process: convert, save in full float32, answer None or (message, hint)."""
    try:
        openvino = load_openvino()
        model = convert_network(openvino, entry)
        openvino.save_model(model, str(folder / _GRAPH), compress_to_fp16=False)
    except DetectorError as error:
        sender.send((error.message, error.hint))
    except (RuntimeError, OSError) as error:
        sender.send((f"OpenVINO cannot save the converted {entry.name}: {error}", "Check the free disk space."))
    else:
        sender.send(None)
