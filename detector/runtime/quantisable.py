"""Whether a model can be optimised here. Imports nothing heavy: the window asks for each model that it lists."""

from __future__ import annotations

from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph, is_two_stage
from detector.runtime import openvino_runtime


def check_can_quantise(entry: ModelEntry) -> None:
    """Refuse at once what could not be done in the end.

    Raises:
        DetectorError: OpenVINO is missing, NNCF is and is needed, or the model's weights are.
    """
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.")
    if is_two_stage(entry.spec):
        raise DetectorError(f"{entry.name} is no SSD and cannot be optimised; it is only there to compare with.")
    if not openvino_runtime.is_installed():
        raise DetectorError("Optimising needs OpenVINO, which is not installed.", "Install it: pip install openvino")
    if has_own_graph(entry.spec) and not openvino_runtime.has_nncf():
        raise DetectorError(
            f"Optimising {entry.name}, a network in OpenVINO's own format, needs NNCF, which is not installed.",
            openvino_runtime.NNCF_MISSING,
        )
