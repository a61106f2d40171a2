"""The one door to the ``openvino`` package and to ``nncf``, which quantises: they must be imported here only.

On import and on every conversion OpenVINO reports usage to its maker unless the user has opted out in a file in their
home folder; the ``openvino_telemetry`` package does the sending. OpenVINO falls back to a silent stub where that
package is not installed, so it is declared absent before OpenVINO is first imported. Nothing is sent, no file is made.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from typing import Any

from detector.errors import DetectorError

NNCF_MISSING = 'Install it: pip install "ssd-viewer[optimise]" (or: pip install nncf)'
_TELEMETRY = "openvino_telemetry"
_log = logging.getLogger(__name__)


def is_installed() -> bool:
    """Returns whether OpenVINO could be imported; imports nothing."""
    return importlib.util.find_spec("openvino") is not None


def load_openvino() -> Any:
    """The ``openvino`` module, unable to report anything.

    Raises:
        DetectorError: It is not installed or does not load.
    """
    if "openvino" not in sys.modules:
        # None in sys.modules is Python's own way to say "not installed".
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # documented, but not in the stubs
    elif sys.modules.get(_TELEMETRY) is not None:
        raise DetectorError("OpenVINO was imported with its usage reports on, which this program does not allow.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the package are not ours to fix
            import openvino
    except ImportError as error:
        _log.info("openvino does not load: %s", error)
        raise DetectorError(
            "OpenVINO is not installed or does not load.", "Reinstall it: pip install openvino"
        ) from error
    return openvino


def operations() -> Any:
    """OpenVINO's operations, to build networks of; after ``load_openvino``."""
    return importlib.import_module("openvino.opset13")


def has_nncf() -> bool:
    """Returns whether NNCF could be imported; imports nothing."""
    return importlib.util.find_spec("nncf") is not None


def load_nncf() -> Any:
    """The ``nncf`` module, as unable to report anything as ``load_openvino``'s. It brings torch and scipy.

    Raises:
        DetectorError: It is not installed or does not load.
    """
    load_openvino()
    try:
        nncf: Any = importlib.import_module("nncf")  # unseen by PyInstaller: it would double a packaged program
    except (ImportError, OSError, AttributeError) as error:  # the last: it does not fit the packages beside it
        _log.info("nncf does not load: %s", error)
        raise DetectorError("NNCF is not installed or does not load.", NNCF_MISSING) from error
    nncf.set_log_level(logging.ERROR)
    return nncf


def cpu_capabilities(core: Any) -> frozenset[str]:
    """The formats that the CPU computes natively, e.g. {"FP32", "BF16", "INT8"}.

    Raises:
        DetectorError: OpenVINO has no part for this CPU.
    """
    try:
        return frozenset(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    except RuntimeError as error:
        _log.info("openvino cannot use the CPU: %s", error)
        raise DetectorError("OpenVINO cannot use this CPU.", "Reinstall it: pip install openvino") from error


def compile_for_latency(core: Any, network: Any, precision: str, place: str = "CPU") -> Any:
    """Compile ``network`` for one frame at a time.

    Args:
        core: ``openvino.Core``.
        network: ``openvino.Model``.
        precision: "fp32", "bf16", "fp16" or "int8"; said explicitly, for OpenVINO takes bf16 by itself where the CPU
            has it. What an int8 network keeps in floating point is computed in fp32 on the CPU, else in fp16.
        place: OpenVINO's name of the device.
    """
    return _compile(core, network, precision, "LATENCY", place)


def compile_for_batches(core: Any, network: Any, precision: str, place: str = "CPU") -> Any:
    """Compiles for as many frames a second as possible, several side by side; see ``compile_for_latency``."""
    return _compile(core, network, precision, "THROUGHPUT", place)


def _compile(core: Any, network: Any, precision: str, hint: str, place: str) -> Any:
    rest = "f32" if place == "CPU" else "f16"
    numbers = {"fp32": "f32", "int8": rest, "bf16": "bf16", "fp16": "f16"}[precision]
    how: dict[str, Any] = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": numbers}
    if place == "CPU":
        # Threads bound to a core wait for whatever else runs there, and in this program much does.
        how["ENABLE_CPU_PINNING"] = False
    return core.compile_model(network, place, how)


def last_line(error: Exception) -> str:
    """The line that matters of one of OpenVINO's long messages."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(error).__name__
