"""SSD by OpenVINO on a laptop's graphics or NPU: the CPU's engine elsewhere, trusted once it answers as it should."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.detections import Candidates
from detector.errors import DetectorError, DeviceFailedError, Remedy
from detector.golden import prove
from detector.model_file import ModelEntry
from detector.runtime.base import ImageBGR, Precision
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.openvino_devices import capabilities, device_precision, openvino_name, shown_name
from detector.runtime.openvino_graph import network_of
from detector.runtime.openvino_runtime import last_line, load_openvino
from detector.spec import PostprocessSpec

_CPU = Remedy("device", "cpu")
_log = logging.getLogger(__name__)


class OpenVinoDeviceDetector(OpenVinoDetector):
    """See ``Detector``; raises ``DeviceFailedError`` where the device fails, and the CPU may go on.

    Args:
        entry: The model, with weights.
        device: "gpu", "gpu.N" or "npu".
        asked: Number format; see ``device_precision``.
        cache_dir: Where what the device's compiler made is kept, which can take a minute; None for nowhere.
        for_batches: As for ``OpenVinoDetector``.

    Raises:
        DetectorError: The device cannot be used, or does not answer as the model's file says.
    """

    def __init__(
        self, entry: ModelEntry, device: str, asked: Precision, cache_dir: Path | None, *, for_batches: bool = False
    ) -> None:
        openvino = load_openvino()
        core, place = openvino.Core(), openvino_name(device)
        if cache_dir is not None:
            core.set_property({"CACHE_DIR": str(cache_dir / "openvino_devices")})
        int8 = entry.spec.int8
        precision, notes = device_precision(asked, capabilities(core, place), int8 is not None)
        network: Any = None
        if precision == "int8" and int8 is not None:
            network = network_of(openvino, entry, int8.ranges)
        shown = shown_name(core, place)
        untested = f"OpenVINO on {shown} is untested."
        super().__init__(
            entry, precision, (untested, *notes), network=network, for_batches=for_batches, core=core, place=place
        )
        self.device = f"{device} ({shown})"
        self._require_proof()

    def _require_proof(self) -> None:
        """Hold the device to the answers that the model's file keeps, as far as it keeps any."""
        try:
            # Whole numbers are summed differently from device to device: the wider tolerance of int8 holds.
            result = prove(self.spec, self.raw, self.precision, narrow=True)
        except RuntimeError as error:
            self.close()
            raise DetectorError(f"{self.device} failed at the first image: {last_line(error)}.") from error
        if result is not None and not result.ok:
            self.close()
            raise DetectorError(f"{self.device} answers otherwise than the model's file says.", "", _CPU)

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        try:
            return super()._run(frames, rule)
        except RuntimeError as error:
            _log.info("%s failed", self.device, exc_info=error)
            raise DeviceFailedError(
                f"{self.device} failed: {last_line(error)}.", "Start the program again, or run on the CPU.", _CPU
            ) from error
