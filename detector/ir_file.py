"""Networks in OpenVINO's own format: an ``.xml`` with the graph and a ``.bin`` with its constants beside it.

The XML is read here with a parser that refuses document types and entities, to learn and check what the network is and
that it consists of layers that detectors use (``ir_layers``); OpenVINO itself sees the file only afterwards.
"""

from __future__ import annotations

import xml.parsers.expat
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import DetectorError
from detector.ir_layers import Layer, check_layers

MAX_XML_BYTES = 64 * 2**20
MAX_BIN_BYTES = 2**30
OLDEST_VERSION = 10

_LFS = b"version https://git-lfs"
_FACTS = ("model_name", "reverse_input_channels", "labels")


@dataclass(slots=True)
class IrLayer:
    """A layer as the file has it.

    Attributes:
        attributes: Of its element: id, name, type, version.
        data: Of the operation.
        inputs: Shapes of its inputs; -1 for an axis of any length.
        outputs: Shapes of its outputs.
        ports: Ids of its inputs, and of its outputs.
        names: Names of its outputs.
    """

    attributes: dict[str, str]
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    ports: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    names: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.attributes.get("type", "")


@dataclass(slots=True)
class IrGraph:
    """A network's graph, checked.

    Attributes:
        layers: All layers, in the file's order.
        edges: All edges: from-layer, from-port, to-layer, to-port.
        net_name: The graph's name.
        version: Of the format.
        facts: What the converter noted: ``model_name``, ``reverse_input_channels``, ``labels``.
    """

    layers: list[IrLayer] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)
    net_name: str = ""
    version: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[IrLayer]:
        """Returns all layers of a type, in the file's order."""
        return [layer for layer in self.layers if layer.kind == kind]

    def source(self, layer: IrLayer) -> tuple[IrLayer, int]:
        """Returns the layer that feeds the first input of ``layer``, and the number of its output that does."""
        edge = next(e for e in self.edges if e["to-layer"] == layer.attributes["id"])
        found = next(each for each in self.layers if each.attributes["id"] == edge["from-layer"])
        return found, found.ports[1].index(edge["from-port"])


def check_ir(xml_path: Path) -> None:
    """Make sure that OpenVINO may read a network: the files are whole, and detectors use all of its layers.

    Raises:
        DetectorError: A file is missing, damaged or unsafe.
    """
    read_ir_graph(xml_path)


def read_ir_graph(xml_path: Path) -> IrGraph:
    """Does what ``check_ir`` does, and returns the graph.

    Raises:
        DetectorError: As ``check_ir``.
    """
    bin_path = xml_path.with_suffix(".bin")
    if not bin_path.is_file():
        raise DetectorError(f"{bin_path.name} is missing beside {xml_path.name}.", "Both files make up the model.")
    graph = _parse(xml_path)
    if graph.version.isdecimal() and len(graph.version) < 4 and int(graph.version) < OLDEST_VERSION:
        raise DetectorError(
            f"{xml_path.name} is OpenVINO IR version {graph.version}; versions from {OLDEST_VERSION} on can be used.",
            "Convert the original model again with a current OpenVINO.",
        )
    check_layers([Layer(each.attributes, each.data, *each.ports) for each in graph.layers], graph.edges)
    _check_bin(graph, bin_path)
    return graph


def _parse(path: Path) -> IrGraph:
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise DetectorError(f"{path.name} is larger than {MAX_XML_BYTES >> 20} MiB.")
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    builder = _GraphBuilder(path)
    parser = xml.parsers.expat.ParserCreate()
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as error:
        raise DetectorError(f"{path.name} is not a whole XML file (line {error.lineno}).", "Fetch it again.") from error
    if not builder.is_net:
        raise DetectorError(f"{path.name} is an XML file, but not an OpenVINO model.")
    if builder.oddity:
        raise DetectorError(f"{path.name} contains {builder.oddity}, which is not valid.")
    return builder.graph


class _GraphBuilder:
    """Receives the parser's events; keeps layers, their attributes and port shapes."""

    def __init__(self, path: Path) -> None:
        self.graph = IrGraph()
        self.is_net = False
        self.oddity = ""
        self._path = path
        self._stack: list[str] = []
        self._dims: list[int] | None = None
        self._number = self._port = self._name = ""

    def refuse(self, *_declaration: object) -> None:
        raise DetectorError(f"{self._path.name} declares a document type or entities, which a model never needs.")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        layer = self.graph.layers[-1] if self.graph.layers else None
        if not self._stack and tag == "net":
            self.is_net, self.graph.net_name = True, attributes.get("name", "")
            self.graph.version = attributes.get("version", "")
        elif tag == "layer":
            if self._stack != ["net", "layers"]:
                self.oddity = "a layer inside another"
            self.graph.layers.append(IrLayer(attributes))
        elif tag == "data" and layer is not None and self._stack[-1] == "layer":
            if layer.data:  # OpenVINO goes by the first, and what is checked must be what it reads
                self.oddity = "a layer with its attributes twice"
            layer.data = attributes
        elif tag == "edge":
            self.graph.edges.append(attributes)
        elif tag == "port":
            self._dims, self._port, self._name = [], attributes.get("id", ""), attributes.get("names", "")
        elif tag == "dim":
            self._number = ""
        elif tag in _FACTS and "layers" not in self._stack:
            self.graph.facts[tag] = attributes.get("value", "")
        self._stack.append(tag)

    def text(self, characters: str) -> None:
        if self._stack[-1] == "dim":
            self._number += characters

    def end(self, tag: str) -> None:
        self._stack.pop()
        if tag == "dim" and self._dims is not None:
            number = self._number.strip()
            self._dims.append(int(number) if number.isdecimal() and len(number) < 12 else -1)
        elif tag == "port" and self._dims is not None and self.graph.layers:
            layer = self.graph.layers[-1]
            is_input = self._stack[-1] == "input"
            (layer.inputs if is_input else layer.outputs).append(tuple(self._dims))
            layer.ports[0 if is_input else 1].append(self._port)
            if not is_input:
                layer.names.append(self._name)
            self._dims = None


def _check_bin(graph: IrGraph, path: Path) -> None:
    """Every constant must lie inside the weights file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_LFS)) == _LFS:
            raise DetectorError(f"{path.name} is a Git LFS pointer, not the weights.", "Run 'git lfs pull'.")
    if size > MAX_BIN_BYTES:
        raise DetectorError(f"{path.name} is {size >> 20} MiB; weights may have {MAX_BIN_BYTES >> 20} MiB.")
    for layer in graph.layers:
        if layer.kind == "Const":
            offset, length = _whole(layer.data.get("offset")), _whole(layer.data.get("size"))
            if offset is None or length is None:
                raise DetectorError(f"The model's layer {layer.attributes.get('name', '?')[:60]} is damaged.")
            if offset + length > size:
                raise DetectorError(
                    f"{path.name} is cut off: it has {size} bytes, the model needs more.", "Fetch it again."
                )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else None
