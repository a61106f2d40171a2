"""Our torch network as an OpenVINO model. Needs torch; see ``converted`` for how that is kept out of the window."""

from __future__ import annotations

import threading
import warnings
from typing import Any

from detector.errors import DetectorError
from detector.runtime.openvino_runtime import last_line
from detector.runtime.torch_package import load_torch
from detector.shelf import ShelfEntry
from detector.spec import InputSpec

# Tracing uses tables that the whole process shares, and they are emptied after it: one at a time (window and export).
_tracing = threading.Lock()


def convert_network(openvino: Any, entry: ShelfEntry) -> Any:
    """Our network of ``entry`` as an ``openvino.Model`` for one image.

    Raises:
        DetectorError: The weights are damaged, or OpenVINO cannot convert the network.
    """
    load_torch()
    import torch

    from detector.runtime.network import load_network

    network = load_network(entry)
    shape = _input_shape(entry.spec.input)
    with _tracing, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch calls its own tracer deprecated; OpenVINO builds on it
        try:
            # Traced here: left to OpenVINO, torch would run the network three times more to check its own trace.
            trace: Any = torch.jit.trace  # carries no types
            traced = trace(network, torch.zeros(shape), check_trace=False)
            return openvino.convert_model(traced, input=[shape], share_weights=False)
        except (RuntimeError, ValueError) as error:
            raise DetectorError(f"OpenVINO cannot convert {entry.name}: {last_line(error)}.") from error
        finally:
            _forget_traces(torch)


def _forget_traces(torch: Any) -> None:
    """Drop the types and methods torch keeps for ever of every module it traced: megabytes for each model opened.

    Nothing else here uses TorchScript. Where a later torch has no such things, opening a model costs that memory.
    """
    forget = getattr(torch._C, "_jit_clear_class_registry", None)
    if forget is not None:
        forget()
    store = getattr(torch.jit._recursive, "concrete_type_store", None)
    if store is not None:
        store.type_store.clear()
        store.methods_compiled.clear()


def _input_shape(spec: InputSpec) -> tuple[int, int, int, int]:
    """[1, 3, H, W]."""
    return (1, 3, spec.height, spec.width)
