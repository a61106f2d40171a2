"""Converted networks kept on disk, so that torch is needed once per model and never in this process.

Converting takes seconds, half a gigabyte and the interpreter's lock; a window would stand still. So another process
does it, and what it leaves in the cache is read by OpenVINO alone from then on.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.runtime.conversion import convert_network
from detector.runtime.network_cache import content_key, make_room, version_words
from detector.runtime.openvino_runtime import last_line, load_openvino
from detector.runtime.other_process import Messages, call_elsewhere
from detector.shelf import ShelfEntry

_FORMAT = 1
"""Raised when a network of ours changes what it computes from the same weights."""

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
    folder = cache_dir / _folder_name(openvino, entry.path)
    graph, weights = folder / _GRAPH, folder / _WEIGHTS
    if graph.is_file() and weights.is_file():
        try:
            folder.touch()  # in use: the last to be thrown away
            return openvino.Core().read_model(str(graph), str(weights))
        except (RuntimeError, OSError) as error:
            _log.info("%s is damaged and made again: %s", folder.name, error)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_room(cache_dir, folder)
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


def _folder_name(openvino: Any, path: Path) -> str:
    """For this file's content under this converter.

    Raises:
        DetectorError: The file cannot be read.
    """
    return f"{content_key(path)}-{_FORMAT}-openvino-{version_words(openvino)}"


def _convert_elsewhere(entry: ShelfEntry, folder: Path) -> None:
    died = f"Converting {entry.name} ended before its time."
    call_elsewhere(_convert, (entry, folder), name="ssdv-convert", died=died)


def _convert(entry: ShelfEntry, folder: Path, messages: Messages) -> None:
    """The other process: convert, save in full float32."""
    try:
        openvino = load_openvino()
        model = convert_network(openvino, entry)
        openvino.save_model(model, str(folder / _GRAPH), compress_to_fp16=False)
    except (RuntimeError, OSError) as error:
        messages.fail(f"OpenVINO cannot save the converted {entry.name}: {error}", "Check the free disk space.")
    else:
        messages.answer(None)
