"""A shelf entry's network for OpenVINO, built from its weights. Needs no torch."""

from __future__ import annotations

from typing import Any

from detector.errors import DetectorError
from detector.runtime.openvino_graph import build_graph
from detector.shelf import ShelfEntry
from detector.weights import load_arrays


def convert_network(openvino: Any, entry: ShelfEntry) -> Any:
    """The network of ``entry`` as an ``openvino.Model`` for one image.

    Raises:
        DetectorError: The weights are damaged, or do not fit their network.
    """
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.")
    return build_graph(openvino, entry.spec, load_arrays(entry.path, entry.spec), entry.path.name)
