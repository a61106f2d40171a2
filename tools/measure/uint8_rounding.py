"""``python -m tools.measure.uint8_rounding FILE.tflite IMAGE…``: how far uint8 outputs are apart, in their own steps.

The same network, without its post-processing, by OpenVINO as an import keeps it, by LiteRT's usual kernels and by its
reference kernels. A step is the smallest difference that an output of eight bits can show.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.sources.images import read_image
from detector.graph_input import input_builder
from detector.importers.base import Overrides
from detector.importers.graph_import import import_graph
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino

Outputs = list[npt.NDArray[np.float64]]
_KINDS = ("boxes", "scores")


class Lite:
    """The cut network in LiteRT.

    Args:
        file: What the import cut off the post-processing of.
        kernels: Name of LiteRT's set.
    """

    def __init__(self, file: Path, kernels: str) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._lite: Any = Interpreter(str(file), experimental_op_resolver_type=getattr(OpResolverType, kernels))
        self._lite.allocate_tensors()
        self._outputs = sorted(self._lite.get_output_details()[:2], key=lambda each: int(each["shape"][-1]))
        self.steps = [float(each["quantization"][0]) for each in self._outputs]

    def answer(self, image: npt.NDArray[Any]) -> Outputs:
        """Encoded boxes and scores, as real numbers."""
        self._lite.set_tensor(self._lite.get_input_details()[0]["index"], image)
        self._lite.invoke()
        pairs = [(self._lite.get_tensor(each["index"]), each["quantization"]) for each in self._outputs]
        return [(values.astype(np.float64) - zero) * step for values, (step, zero) in pairs]


def main() -> int:
    """Prints a line for each two runtimes and each output."""
    parser = argparse.ArgumentParser(description="Differences of uint8 outputs, in steps.")
    parser.add_argument("file", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        imported = import_graph(options.file, "tflite", Overrides(), Path(name))
        core = load_openvino().Core()
        ours = compile_for_latency(core, core.read_model(str(imported.xml)), "fp32")
        cut = Path(name) / f"{options.file.stem}.tflite"
        lites = {"litert": Lite(cut, "AUTO"), "reference": Lite(cut, "BUILTIN_REF")}
        build, found = input_builder(imported.spec), []
        for path in options.images:
            image = build([read_image(path)])
            given = ours({0: image})
            answers: dict[str, Outputs] = {"openvino": [np.array(given[index], np.float64) for index in range(2)]}
            answers |= {kernels: lite.answer(image) for kernels, lite in lites.items()}
            found.append(answers)
    for one, other in combinations(found[0], 2):
        for kind, step in enumerate(lites["litert"].steps):
            apart = np.concatenate([(each[one][kind] - each[other][kind]).reshape(-1) / step for each in found])
            print(
                f"{one:9} {other:9} {_KINDS[kind]:6}  equal {np.mean(np.abs(apart) < 0.5):6.1%}  "
                f"apart {np.abs(apart).mean():.3f} steps, on average {apart.mean():+.3f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
