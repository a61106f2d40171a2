"""Measured speeds: kept by the model's content, never in the way; a live session measures its model once."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.live import ModelMeasured, ModelReady
from app.core.live.throughput import COUNTED, WARM_UP, ThroughputProbe
from app.core.settings import ModelSettings
from app.core.sources.base import SourceOptions
from app.core.speeds import MeasuredSpeed, fingerprint, load_speeds, record_speed
from tests.support.fake_detector import FakeModels, busy_ms
from tests.support.live_probe import LiveProbe
from tests.support.media import make_video


def _speed(rate: float = 34.5, engine: str = "openvino", device: str = "cpu", precision: str = "fp32") -> MeasuredSpeed:
    return MeasuredSpeed(rate, engine, device, precision, "2026-11-22")


def _model(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_measurement_follows_the_model_to_a_new_name(tmp_path: Path) -> None:
    store, model = tmp_path / "data" / "speeds.json", _model(tmp_path / "a.safetensors")
    record_speed(store, model, _speed())
    moved = model.rename(tmp_path / "b.safetensors")
    assert load_speeds(store) == {fingerprint(moved): (_speed(),)}
    assert fingerprint(_model(tmp_path / "c.safetensors", b"others!")) != fingerprint(moved)
    long = _model(tmp_path / "d.safetensors", b"x" * 200_000)
    assert fingerprint(long) != fingerprint(_model(tmp_path / "e.safetensors", b"x" * 200_001))


def test_a_folder_is_a_model_too(tmp_path: Path) -> None:
    _model(tmp_path / "ir" / "model.xml")
    weights = _model(tmp_path / "ir" / "model.bin")
    first = fingerprint(tmp_path / "ir")
    assert first == fingerprint(tmp_path / "ir" / "model.xml")
    weights.write_bytes(b"longer weights")
    assert fingerprint(tmp_path / "ir") != first


def test_the_last_of_one_setting_counts_and_the_newest_comes_first(tmp_path: Path) -> None:
    store, model = tmp_path / "speeds.json", _model(tmp_path / "a.safetensors")
    for speed in (_speed(10), _speed(20, precision="bf16"), _speed(30), _speed(40, device="cuda:0 (NVIDIA H100)")):
        record_speed(store, model, speed)
    assert [s.frames_per_s for s in load_speeds(store)[fingerprint(model)]] == [40, 30, 20]


def test_what_cannot_be_read_was_not_measured(tmp_path: Path) -> None:
    store, model = tmp_path / "speeds.json", _model(tmp_path / "a.safetensors")
    for content in (b"", b"\xff", b"[]", b'{"format": 2, "models": {}}', b'{"format": 1}', b"[" * 100_000):
        store.write_bytes(content)
        assert load_speeds(store) == {}
    record_speed(store, model, _speed())
    assert load_speeds(store)
    store.unlink()
    store.mkdir()
    assert load_speeds(store) == {}
    with pytest.raises(AppError):
        record_speed(store, model, _speed())


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_ROW = st.fixed_dictionaries(
    {name: _JSON | st.just("cpu") for name in ("engine", "device", "precision", "measured")}
    | {"frames_per_s": _JSON | st.floats(1, 100)}
)


@given(models=st.dictionaries(st.text(max_size=5), st.lists(_ROW | _JSON, max_size=3) | _JSON, max_size=3))
def test_arbitrary_json_gives_only_sound_speeds(tmp_path_factory: pytest.TempPathFactory, models: Any) -> None:
    store = tmp_path_factory.mktemp("store") / "speeds.json"
    store.write_text(json.dumps({"format": 1, "models": models}))
    for speeds in load_speeds(store).values():
        assert speeds
        for speed in speeds:
            assert 0 < speed.frames_per_s < 1e6
            assert all(isinstance(word, str) for word in (speed.engine, speed.device, speed.precision, speed.measured))


def test_pace_is_the_median_after_the_warm_up() -> None:
    pace = ThroughputProbe()
    first = [pace.add(1000.0) for _ in range(WARM_UP)]
    then = [pace.add(20.0 if number % 3 else 500.0) for number in range(COUNTED)]
    after = [pace.add(1.0) for _ in range(COUNTED)]
    assert first + then[:-1] + after == [None] * (WARM_UP + COUNTED - 1 + COUNTED)
    assert then[-1] == pytest.approx(50.0)


def test_a_live_session_tells_its_models_speed_once(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=40, fps=Fraction(400))
    with LiveProbe(FakeModels(busy_ms(1))) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        told = probe.wait_event(ModelMeasured)
        assert (told.name, told.engine) == ("first", probe.of(ModelReady)[0].engine)
        assert 0 < told.frames_per_s <= 1000
        probe.session.switch_model(ModelSettings(name="second"))
        probe.wait_event(ModelMeasured, 2)
    assert [event.name for event in probe.of(ModelMeasured)] == ["first", "second"]
