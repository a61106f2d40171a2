"""Which program wrote a state dict, told by the names and shapes of its tensors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.errors import DetectorError, Remedy
from detector.importers.layouts import LAYOUTS, Layout
from detector.safetensors_file import Array

_NEIGHBOURS = {
    "RFBNet (2018)": ("base.0.", "Norm.branch0."),
    "FSSD (2017)": ("ft_module.", "pyramid_ext."),
    "RefineDet (2018)": ("arm_loc.", "odm_loc."),
    "RetinaFace (2019)": ("body.", "fpn.", "ClassHead."),
}
"""Detectors near to SSD, by beginnings of their tensors' names; these are refused by their own name."""


@dataclass(frozen=True, slots=True)
class LayoutMatch:
    """A recognised layout.

    Attributes:
        layout: What it is.
        because: The tensors that told, for people.
    """

    layout: Layout
    because: str

    @property
    def name(self) -> str:
        """The layout's short id."""
        return self.layout.name


def detect_layout(state: Mapping[str, Array]) -> LayoutMatch:
    """Recognise the layout of ``state`` (unwrapped, prefixes removed).

    Raises:
        DetectorError: No known layout, or tensors of several.
    """
    matches = [match for layout in LAYOUTS if (match := _match(layout, state)) is not None]
    if len(matches) == 1:
        return matches[0]
    if matches:
        told = " and of ".join(f"{match.layout.title} ({match.because})" for match in matches[:3])
        raise DetectorError(f"The file mixes tensors of {told}.", "It is not the weights of one network.")
    for known, beginnings in _NEIGHBOURS.items():
        if all(any(name.startswith(start) for name in state) for start in beginnings):
            raise DetectorError(
                f"The file is of {known}, whose weights cannot be imported.", "Export it as ONNX, and import that."
            )
    some = ", ".join(name[:40] for name in list(state)[:3])
    raise DetectorError(
        f"No SSD layout known here has tensors like {some}.",
        "If it is of a layout that can be imported, name that.",
        Remedy("layout", "NAME"),
    )


def _match(layout: Layout, state: Mapping[str, Array]) -> LayoutMatch | None:
    found: list[str] = []
    for prefix in layout.has:
        name = next((name for name in state if name.startswith(prefix)), None)
        if name is None:
            return None
        found.append(name if name == prefix else f"{prefix}*")
    if layout.shape is not None:
        name, shape = layout.shape
        if name not in state or tuple(state[name].shape) != shape:
            return None
        found.append(f"{name} {list(shape)}")
    return LayoutMatch(layout, ", ".join(found)) if found else None
