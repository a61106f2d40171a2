"""A TensorFlow.js graph model, run node by node as its own file tells. Slow, literal, and knows no network of ours.

TensorFlow.js keeps a frozen TensorFlow graph as JSON (``model.json``: a GraphDef and a weights manifest) beside its
weights, one after the other in shards. TensorFlow's definitions are followed throughout, its "SAME" padding
(tensorflow.org, ``tf.nn``, notes on padding conventions) and its first form of a loop (Enter, Merge, Switch,
NextIteration, Exit) among them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tfjs_operations import OPERATIONS, Array, Node

_PASSED_ON = {"Enter", "Merge", "NextIteration", "Exit", "LoopCond", "Identity"}
_Place = tuple[str, int | None]  # a node, and the turn of the loop that it stands in


@dataclass(frozen=True)
class Graph:
    """The nodes of a graph by name, and the weights of its constants."""

    nodes: Mapping[str, Node]
    weights: Mapping[str, Array]

    def run(self, image: Array, outputs: Sequence[str], *, at: str = "") -> dict[str, Array]:
        """Computes ``outputs`` for ``image``.

        Args:
            image: One image [H, W, C] or a batch of them, as the node that it stands for has it.
            outputs: Names of nodes; ``name:1`` is the second output of one.
            at: The node that ``image`` stands for; the graph's placeholder unless told. Whatever comes before it
                is not run.
        """
        place = at or self.placeholder
        batch = image if image.ndim == 4 else image[None]
        run = _Run(self, {place: batch})
        return {name: run.value(name) for name in outputs}

    @property
    def placeholder(self) -> str:
        """The name of the graph's one input."""
        (name,) = (node.name for node in self.nodes.values() if node.op == "Placeholder")
        return name


class _Run:
    """Everything that one run has computed so far: the outputs of each node, in each turn of a loop."""

    def __init__(self, graph: Graph, given: Mapping[str, Array]) -> None:
        self._graph = graph
        self._outputs: dict[_Place, tuple[Any, ...]] = {}
        self._given = given

    def value(self, reference: str, turn: int | None = None) -> Array:
        """The output that ``reference`` names. A stack rather than recursion: graphs are deep."""
        name, port = _parts(reference)
        pending: list[_Place] = [(name, turn)]
        while pending:
            place = pending[-1]
            missing = [(_parts(needed)[0], at) for needed, at in self._needs(place)]
            missing = [needed for needed in missing if needed not in self._outputs]
            pending += missing
            if not missing:
                pending.pop()
                if place not in self._outputs:  # two may have waited for it, and a tensor array is made once
                    self._outputs[place] = self._compute(place)
        output: Array = self._outputs[name, turn][port]
        return output

    def _needs(self, place: _Place) -> list[tuple[str, int | None]]:
        """The inputs of a node and the turn in which each is read."""
        name, turn = place
        if name in self._given:
            return []
        node = self._graph.nodes[name]
        match node.op:
            case "Enter":  # from outside the loop
                return [(node.inputs[0], None)]
            case "Merge":  # what entered, and later what the turn before left
                assert turn is not None
                return [(node.inputs[0 if turn == 0 else 1], turn)]
            case "NextIteration":
                assert turn is not None
                return [(node.inputs[0], turn - 1)]
            case "Exit":
                return [(node.inputs[0], self._last_turn(node))]
            case _:
                return [(reference, turn) for reference in node.inputs]

    def _last_turn(self, leaving: Node) -> int:
        """The first turn in which the loop's condition no longer holds: what stands in ``Switch`` then goes out."""
        switch = self._graph.nodes[_parts(leaving.inputs[0])[0]]
        turn = 0
        while self.value(switch.inputs[1], turn):
            turn += 1
        return turn

    def _compute(self, place: _Place) -> tuple[Any, ...]:
        name, _ = place
        if name in self._given:
            return (self._given[name],)
        node = self._graph.nodes[name]
        if node.op == "Const":
            return (self._graph.weights[name],)
        values = []
        for reference, at in self._needs(place):
            source, port = _parts(reference)
            values.append(self._outputs[source, at][port])
        if node.op in _PASSED_ON:
            return (values[0],)
        if node.op == "Switch":  # (when false, when true); nobody asks for the one that is dead
            return (values[0], values[0])
        return OPERATIONS[node.op](node, *values)


def load_graph(model_json: Path) -> Graph:
    """Reads a graph model and the shards that lie beside it."""
    model = json.loads(model_json.read_text(encoding="utf-8"))
    nodes = [
        Node(
            name=node["name"],
            op=node["op"],
            # "^name" only orders what has effects; here the flow through the tensor arrays does.
            inputs=tuple(name for name in node.get("input", []) if not name.startswith("^")),
            attributes=node.get("attr", {}),
        )
        for node in model["modelTopology"]["node"]
    ]
    weights: dict[str, Array] = {}
    for group in model["weightsManifest"]:
        data = b"".join((model_json.parent / shard).read_bytes() for shard in group["paths"])
        weights |= _weights(group["weights"], data)
    return Graph({node.name: node for node in nodes}, weights)


def _weights(manifest: Sequence[Mapping[str, Any]], data: bytes) -> dict[str, Array]:
    """Cuts ``data`` into the tensors that ``manifest`` lists, and undoes their quantisation."""
    weights: dict[str, Array] = {}
    offset = 0
    for entry in manifest:
        quantised = entry.get("quantization", {})
        stored = np.dtype(quantised.get("dtype", entry["dtype"])).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, stored, count, offset)
        offset += values.nbytes
        if "scale" in quantised:
            values = values * np.float64(quantised["scale"]) + np.float64(quantised.get("min", 0))
            values = values.round() if entry["dtype"] == "int32" else values
        weights[entry["name"]] = values.astype(entry["dtype"]).reshape(entry["shape"])
    assert offset == len(data), f"{len(data) - offset} bytes of the shards belong to no weight"
    return weights


def _parts(reference: str) -> tuple[str, int]:
    """Splits ``name:1`` into a node and which of its outputs."""
    name, _, port = reference.partition(":")
    return name, int(port or 0)
