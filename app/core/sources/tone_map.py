"""High dynamic range to what a screen without it shows: PQ and HLG of BT.2100 become BT.709, in real time.

The whole way from one code to the other is worked out once, for a grid of colours, and FFmpeg's ``lut3d`` looks the
pixels up in it. Used by the thread that reads; a ``ToneMap`` belongs to it.

Sources: BT.2100-2 tables 4 and 5 (PQ, HLG), BT.2390-10 section 5.4 (the curve that bends highlights down), BT.2408-7
(203 cd/m2 is the white of a page, and taken for the brightest a screen without HDR can show), BT.2087 (colours).
"""

from __future__ import annotations

import functools
import math
import os
import struct
import tempfile
from pathlib import Path

import av
import av.filter
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideDataType

from app.core.errors import AppError
from app.core.sources.side_data import side_data_of

PQ, HLG = 16, 18  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67
NAMES = {PQ: "PQ", HLG: "HLG"}

Floats = npt.NDArray[np.float64]

_SCREEN_NITS = 203.0
_USUAL_PEAK_NITS = 1000.0  # of videos that do not tell their own
_GRID = 49  # points of the table in each colour: of random colours 99 in 100 come within 5 of 255, all greys within 2
_BT2020_CONSTANT, _ICTCP = 10, 14
_SWS_BT2020 = 9

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.5 - _HLG_A * math.log(4 * _HLG_A)
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq_to_nits(code: Floats) -> Floats:
    """Light in cd/m2 of PQ codes 0..1."""
    power = np.power(np.clip(code, 0, 1), 1 / _M2)
    return np.asarray(10_000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1))


def nits_to_pq(nits: Floats | float) -> Floats:
    """PQ code of a light, 0..10 000 cd/m2."""
    power = np.power(np.clip(np.asarray(nits, np.float64) / 10_000, 0, 1), _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2))


def hlg_to_nits(code: Floats) -> Floats:
    """Light in cd/m2 that a screen of 1000 cd/m2 makes of HLG codes Float[..., 3]."""
    code = np.clip(code, 0, 1)
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    luma = (scene @ _LUMA_2020)[..., None]
    return np.asarray(_USUAL_PEAK_NITS * np.power(np.maximum(luma, 1e-9), 0.2) * scene)


def bend(nits: Floats, peak_nits: float) -> Floats:
    """BT.2390's curve: up to its knee light stays, above it ``peak_nits`` comes down to what the screen can show."""
    if peak_nits <= _SCREEN_NITS:
        return nits
    white = float(nits_to_pq(peak_nits))
    code = nits_to_pq(np.minimum(nits, peak_nits)) / white
    most = float(nits_to_pq(_SCREEN_NITS)) / white
    knee = 1.5 * most - 0.5
    t = np.clip((code - knee) / (1 - knee), 0, 1)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_to_nits(np.where(code < knee, code, bent) * white)


def to_screen(code: Floats, transfer: int, peak_nits: float = _USUAL_PEAK_NITS) -> Floats:
    """BT.709 codes 0..1 of BT.2020 codes, both Float[..., 3] RGB, full range."""
    nits = hlg_to_nits(code) if transfer == HLG else pq_to_nits(code)
    brightest = np.maximum(nits.max(axis=-1, keepdims=True), 1e-6)
    nits = nits * (bend(brightest, peak_nits) / brightest)  # all three by one factor, so that the hue stays
    light = np.clip(nits @ _TO_709.T / _SCREEN_NITS, 0, 1)
    return np.asarray(np.power(light, 1 / 2.4))  # BT.1886, how a screen shows BT.709


def peak_of(frame: av.VideoFrame) -> float:
    """Brightest light in cd/m2 that the video's own notes promise; the usual one where they are silent or absurd."""
    told: list[float] = []
    light = side_data_of(frame, SideDataType.CONTENT_LIGHT_LEVEL)
    if len(light) >= 4:
        told.append(float(struct.unpack_from("=I", light)[0]))
    screen = side_data_of(frame, SideDataType.MASTERING_DISPLAY_METADATA)
    if len(screen) >= 88:  # AVMasteringDisplayMetadata: ten rationals, two flags
        numerator, denominator, _, has_light = struct.unpack_from("=4i", screen, 72)
        told.append(numerator / denominator if has_light and denominator else 0.0)
    return next((nits for nits in told if 100 <= nits <= 10_000), _USUAL_PEAK_NITS)


def can_map(frame: av.VideoFrame) -> bool:
    """Returns whether ``frame`` is HDR of a kind that ``ToneMap`` knows."""
    known = frame.color_trc in NAMES and frame.colorspace not in (_BT2020_CONSTANT, _ICTCP)
    return known and "lut3d" in av.filter.filters_available


class ToneMap:
    """Looks frames up in a table made for their curve and brightness.

    Args:
        first: The first frame; says which curve, and how bright.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        self._light = first.color_trc, peak_of(first)
        self._graph: av.filter.Graph | None = None
        self._size = (0, 0)

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in BT.709 RGB, 12 bits a colour, without alpha."""
        rgb = frame.reformat(format="gbrp12le", src_colorspace=_SWS_BT2020, interpolation="BILINEAR")
        if self._graph is None or self._size != (rgb.width, rgb.height):
            self._graph, self._size = self._make_graph(rgb), (rgb.width, rgb.height)
        self._graph.vpush(rgb)
        return self._graph.vpull()

    def _make_graph(self, like: av.VideoFrame) -> av.filter.Graph:
        name = _table_file(_table(*self._light))
        try:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=like.width, height=like.height, format=like.format, time_base=like.time_base
            )
            look_up = graph.add("lut3d", file=name, interp="tetrahedral")  # reads the file at once
            graph.link_nodes(source, look_up, graph.add("buffersink")).configure()
            return graph
        finally:
            Path(name).unlink(missing_ok=True)


def _table_file(table: str) -> str:
    try:
        handle, name = tempfile.mkstemp(suffix=".cube")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(table)
    except OSError as error:
        raise AppError(f"The folder for temporary files cannot be written: {error.strerror}.") from error
    return name


@functools.lru_cache(2)
def _table(transfer: int, peak_nits: float) -> str:
    """A ``.cube`` file: red runs fastest."""
    steps = np.linspace(0, 1, _GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = to_screen(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer, peak_nits)
    return f"LUT_3D_SIZE {_GRID}\n" + "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in colours.tolist()) + "\n"
