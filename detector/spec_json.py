"""``ModelSpec`` to JSON and back. No torch.

A spec is read from files people hand around, so nothing in it is trusted: every field is checked for kind and range
before anything is built or allocated from it, and the first fault becomes one ``DetectorError`` line.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast, get_args

from detector.config import Clamp, SSDConfig
from detector.errors import DetectorError
from detector.spec import ARCHITECTURES, Architecture, Golden, InputSpec, ModelSpec, PostprocessSpec, WeightsFile

FORMAT = 3
"""Raised when a field is added or changes its meaning; a file of a higher format is refused, not guessed at. Format 1
had neither ``golden`` nor ``input.smooth``, format 2 no ``golden.weights``."""

MAX_JSON_CHARS = 1_000_000
MAX_LABELS = 2000
MAX_LABEL_CHARS = 200
MAX_DEFAULT_BOXES = 200_000  # eight times SSD512's
MAX_INPUT_SIDE = 4096

_T = TypeVar("_T")


def spec_to_json(spec: ModelSpec) -> str:
    """``spec`` as one JSON object, stable under reading and writing again."""
    return json.dumps({"format": FORMAT, **dataclasses.asdict(spec)}, ensure_ascii=False, sort_keys=True)


def spec_from_json(text: str) -> ModelSpec:
    """Read a spec.

    Raises:
        DetectorError: It is not a spec, or a field is missing, unknown, of the wrong kind or out of range.
    """
    fields = _Fields(_parse(text), "")
    version = fields.integer("format", 1, 1_000_000)
    if version > FORMAT:
        raise DetectorError(f"The model's description has format {version}.", "A newer ssd-viewer made it: update.")
    spec = ModelSpec(
        name=fields.text("name", 100, empty=False),
        architecture=cast(Architecture, fields.choice("architecture", ARCHITECTURES)),
        labels=fields.labels("labels"),
        input=_input(fields.object("input"), version),
        config=fields.optional("config", _config),
        postprocess=_postprocess(fields.object("postprocess")),
        width=fields.number("width", 0.01, 4.0),
        title=fields.text("title", 300),
        demo=fields.flag("demo"),
        licence=fields.text("licence", 2000),
        provenance=fields.text("provenance", 100_000),
        accuracy=fields.numbers_by_name("accuracy"),
        weights=fields.optional("weights", _weights),
        golden=fields.optional("golden", lambda golden: _golden(golden, version)) if version > 1 else None,
    )
    fields.done()
    _check_whole(spec)
    return spec


def _check_whole(spec: ModelSpec) -> None:
    """Faults that only show between fields."""
    if spec.architecture == "openvino-ir":
        return
    if spec.config is None:
        _fault("config", "is missing: this architecture needs its default boxes")
    if spec.config.image_size != (spec.input.height, spec.input.width):
        _fault("config.image_size", "differs from the input's size")
    side = spec.config.image_size
    if spec.architecture.startswith("ssd-vgg16") and side not in ((300, 300), (512, 512)):
        _fault("config.image_size", f"must be 300 x 300 or 512 x 512 for ssd-vgg16, not {side[1]} x {side[0]}")


def _parse(text: str) -> Any:
    if len(text) > MAX_JSON_CHARS:
        raise DetectorError(f"The model's description is longer than {MAX_JSON_CHARS} characters.")
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DetectorError("The model's description is not valid JSON.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _fault(where: str, what: str) -> NoReturn:
    raise DetectorError(f"The model's description is broken: {where} {what}.")


def _input(fields: _Fields, version: int) -> InputSpec:
    result = InputSpec(
        height=fields.integer("height", 8, MAX_INPUT_SIDE),
        width=fields.integer("width", 8, MAX_INPUT_SIDE),
        channels=cast(Any, fields.choice("channels", ("rgb", "bgr"))),
        mean=cast(Any, fields.numbers("mean", -1e4, 1e4, exactly=3)),
        std=cast(Any, fields.numbers("std", 1e-6, 1e6, exactly=3)),
        smooth=version > 1 and fields.flag("smooth"),
    )
    fields.done()
    return result


def _postprocess(fields: _Fields) -> PostprocessSpec:
    result = PostprocessSpec(
        score_floor=fields.number("score_floor", 0.0, 1.0),
        iou_threshold=fields.number("iou_threshold", 0.0, 1.0),
        top_k=fields.integer("top_k", 1, 10_000),
        max_detections=fields.integer("max_detections", 1, 10_000),
        clip=fields.flag("clip"),
        max_log_size=fields.number_or_none("max_log_size", 0.0, 80.0),
    )
    fields.done()
    return result


def _weights(fields: _Fields) -> WeightsFile:
    result = WeightsFile(
        url=fields.text("url", 2000),
        sha256=fields.text("sha256", 64),
        size_bytes=fields.integer("size_bytes", 0, 2**40),
    )
    fields.done()
    return result


def _golden(fields: _Fields, version: int) -> Golden:
    golden = Golden(
        boxes=fields.sequence("boxes", 1000, lambda value, where: _integer(value, where, 0, 10**9)),
        classes=fields.sequence("classes", 10_000, lambda value, where: _integer(value, where, 0, MAX_LABELS)),
        locs=fields.sequence("locs", 4000, lambda value, where: _number(value, where, -1e9, 1e9)),
        log_scores=fields.sequence("log_scores", 10_000, lambda value, where: _number(value, where, -1e3, 1e-3)),
        weights=fields.text("weights", 64) if version > 2 else "",
    )
    fields.done()
    count = len(golden.boxes)
    whole = len(golden.locs) == 4 * count and len(golden.classes) == len(golden.log_scores) > 0
    if not count or not whole or len(golden.classes) % count:
        _fault("golden", "has lists that do not belong together")
    return golden


def _config(fields: _Fields) -> SSDConfig:
    size = fields.pairs("image_size", lambda value, where: _integer(value, where, 8, MAX_INPUT_SIDE), single=True)
    grids = fields.pairs("grids", lambda value, where: _integer(value, where, 1, 1024))
    levels = len(grids)
    config = SSDConfig(
        image_size=size[0],
        grids=grids,
        steps=fields.pairs("steps", lambda value, where: _number(value, where, 0.1, MAX_INPUT_SIDE), count=levels),
        min_sizes=fields.levels("min_sizes", levels),
        max_sizes=fields.levels("max_sizes", levels),
        aspect_ratios=fields.levels("aspect_ratios", levels),
        clamp=cast(Clamp, fields.choice("clamp", get_args(Clamp))),
        variances=cast(Any, fields.numbers("variances", 1e-6, 100.0, exactly=4)),
    )
    fields.done()
    for mins, maxs in zip(config.min_sizes, config.max_sizes, strict=True):
        if not mins or len(maxs) not in (0, len(mins)):
            _fault("config.max_sizes", "must have, per level, none or one for every min size")
    if config.num_boxes > MAX_DEFAULT_BOXES:
        _fault("config", f"asks for {config.num_boxes} default boxes, more than {MAX_DEFAULT_BOXES}")
    return config


def _integer(value: Any, where: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        _fault(where, f"must be a whole number from {low} to {high}, not {_shown(value)}")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
        _fault(where, f"must be a number from {low:g} to {high:g}, not {_shown(value)}")
    return float(value)


def _text(value: Any, where: str, longest: int, *, empty: bool = True) -> str:
    if not isinstance(value, str):
        _fault(where, f"must be text, not {_shown(value)}")
    if len(value) > longest or not (value.strip() or empty):
        _fault(where, f"must be {'0' if empty else '1'} to {longest} characters long, not {len(value)}")
    if any(ord(c) < 32 for c in value) or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        _fault(where, "contains control characters")
    return value


def _list(value: Any, where: str, longest: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > longest:
        _fault(where, f"must be a list of at most {longest}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


class _Fields:
    """One JSON object being read; remembers which keys were used so that stray ones are faults."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            _fault(where or "it", "must be an object")
        self._values: dict[str, Any] = value
        self._where = where
        self._used: set[str] = set()

    def _at(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _take(self, key: str) -> tuple[Any, str]:
        if key not in self._values:
            _fault(self._at(key), "is missing")
        self._used.add(key)
        return self._values[key], self._at(key)

    def done(self) -> None:
        for key in self._values:
            if key not in self._used:
                _fault(self._at(key[:40]), "is unknown")

    def object(self, key: str) -> _Fields:
        return _Fields(*self._take(key))

    def optional(self, key: str, read: Callable[[_Fields], _T]) -> _T | None:
        value, where = self._take(key)
        return None if value is None else read(_Fields(value, where))

    def number_or_none(self, key: str, low: float, high: float) -> float | None:
        value, where = self._take(key)
        return None if value is None else _number(value, where, low, high)

    def text(self, key: str, longest: int, *, empty: bool = True) -> str:
        return _text(*self._take(key), longest, empty=empty)

    def integer(self, key: str, low: int, high: int) -> int:
        return _integer(*self._take(key), low, high)

    def number(self, key: str, low: float, high: float) -> float:
        return _number(*self._take(key), low, high)

    def flag(self, key: str) -> bool:
        value, where = self._take(key)
        if not isinstance(value, bool):
            _fault(where, f"must be true or false, not {_shown(value)}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value, where = self._take(key)
        if value not in allowed:
            _fault(where, f"must be one of {', '.join(allowed)}, not {_shown(value)}")
        return cast(str, value)

    def numbers(self, key: str, low: float, high: float, *, exactly: int) -> tuple[float, ...]:
        value, where = self._take(key)
        if not isinstance(value, list) or len(value) != exactly:
            _fault(where, f"must be a list of {exactly} numbers")
        return tuple(_number(v, where, low, high) for v in value)

    def sequence(self, key: str, longest: int, check: Callable[[Any, str], _T]) -> tuple[_T, ...]:
        value, where = self._take(key)
        return tuple(check(v, where) for v in _list(value, where, longest))

    def labels(self, key: str) -> tuple[str, ...]:
        value, where = self._take(key)
        names = tuple(
            _text(v, f"{where}[{i}]", MAX_LABEL_CHARS, empty=False)
            for i, v in enumerate(_list(value, where, MAX_LABELS))
        )
        if not names or len(set(names)) != len(names):
            _fault(where, "must be at least one name, each used once")
        return names

    def numbers_by_name(self, key: str) -> dict[str, float]:
        value, where = self._take(key)
        if not isinstance(value, dict) or len(value) > 1000:
            _fault(where, "must be an object of at most 1000 numbers")
        return {_text(k, where, 200): _number(v, where, -1e12, 1e12) for k, v in value.items()}

    def pairs(
        self, key: str, check: Callable[[Any, str], _T], *, single: bool = False, count: int | None = None
    ) -> tuple[tuple[_T, _T], ...]:
        """A pair (``single``) or a list of pairs; ``count`` of them where given."""
        value, where = self._take(key)
        rows = [value] if single else _list(value, where, 16)
        if not rows or len(rows) != (count or len(rows)):
            _fault(where, "must have one entry for every level")
        for row in rows:
            if not isinstance(row, list) or len(row) != 2:
                _fault(where, "must hold pairs of numbers")
        return tuple((check(a, where), check(b, where)) for a, b in rows)

    def levels(self, key: str, count: int) -> tuple[tuple[float, ...], ...]:
        value, where = self._take(key)
        rows = _list(value, where, 16)
        if len(rows) != count:
            _fault(where, "must have one entry for every level")
        return tuple(tuple(_number(v, where, 0.01, 1e4) for v in _list(row, where, 16)) for row in rows)
