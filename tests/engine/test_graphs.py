"""Graphs by shape of batch, the memory they share and the streams they run on, with all of CUDA's parts replaced."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from detector.model_file import open_file
from detector.runtime.cuda_graph import FrameGraph
from detector.runtime.cuda_support import new_stream
from detector.runtime.shape_cache import ShapeCache
from detector.runtime.torch_cuda import TorchDeviceDetector
from tests.support.one_thread import one_thread
from tests.support.tiny_models import random_spec, save_random


def test_a_graph_is_made_the_second_time_and_the_longest_unused_gives_way() -> None:
    made: list[str] = []
    dropped: list[str] = []

    def make(key: str) -> str | None:
        made.append(key)
        return None if key == "never" else key.upper()

    cache = ShapeCache(make, 2, dropped.append)
    assert [cache.get(key) for key in "ab"] == [None, None]
    assert made == []
    assert [cache.get(key) for key in "aab"] == ["A", "A", "B"]
    assert cache.get("a") == "A"
    assert [cache.get("c"), cache.get("c")] == [None, "C"]
    assert dropped == ["B"]
    assert dict(cache.items()) == {"a": "A", "c": "C"}
    assert [cache.get("never") for _ in range(3)] == [None] * 3
    assert made == ["a", "b", "c", "never"]  # tried once
    assert dict(cache.items()) == {"c": "C"}
    cache.clear()
    assert sorted(dropped) == ["A", "B", "C"]
    assert cache.get("a") == "A"  # known still


def test_a_folder_of_pictures_of_every_size_makes_no_graph() -> None:
    cache = ShapeCache(lambda key: pytest.fail(f"made {key}"), 2)
    assert [cache.get(key) for key in range(1000)] == [None] * 1000
    assert cache.get(0) is None  # long forgotten


class FakeGraph:
    """In the place of ``torch.cuda.CUDAGraph``: captures nothing, and knows whose memory it works in."""

    made = 0

    def __init__(self) -> None:
        FakeGraph.made += 1
        self.own = FakeGraph.made

    @contextlib.contextmanager
    def captured(self, shared: Any, _stream: object, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        self.own = shared or self.own
        yield

    def pool(self) -> int:
        return self.own

    def reset(self) -> None:
        self.own = 0


class FakeStream:
    """In the place of ``torch.cuda.Stream``."""

    def __init__(self, number: int = 0) -> None:
        self.cuda_stream = number

    def synchronize(self) -> None:
        """Nothing is ever queued."""


def test_all_graphs_of_an_engine_work_in_the_same_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_random(tmp_path / "random.safetensors", random_spec("ultraface-slim"))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", FakeGraph.captured)
    stream: Any = FakeStream()
    with (
        one_thread(),
        TorchDeviceDetector(open_file(tmp_path / "random.safetensors"), torch.device("cpu"), "fp32") as device,
        torch.inference_mode(),
    ):
        device._stream, device._graphs = stream, ShapeCache(device._captured, 2, FrameGraph.free)
        graphs = device._graphs
        for count in (1, 2, 3):  # the third takes the place of the first
            graphs.get((count, 60, 50))
            graphs.get((count, 60, 50))
        assert sorted(key[0] for key, _ in graphs.items()) == [2, 3]
        assert len({graph.pool for _, graph in graphs.items()}) == 1
        before = FakeGraph.made
        graphs.clear()  # the memory has gone with the last of them, and its name with it
        made = graphs.get((1, 60, 50))
        assert made is not None
        assert made.pool == before + 1
    device._stream = None


def test_a_stream_in_use_is_not_dealt_again(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = itertools.count()
    monkeypatch.setattr(torch.cuda, "Stream", lambda _device: FakeStream(next(turns) % 32))
    place = torch.device("cuda", 7)
    held = [new_stream(place) for _ in range(3)]
    for _ in range(40):  # opened and closed
        assert new_stream(place).cuda_stream not in {0, 1, 2}
    assert new_stream(torch.device("cuda", 8)).cuda_stream in range(32)  # of another device: its own
    held += [new_stream(place) for _ in range(29)]
    assert sorted(stream.cuda_stream for stream in held) == list(range(32))
    with pytest.raises(RuntimeError, match="in use"):
        new_stream(place)
    del held[5]
    assert new_stream(place).cuda_stream not in {stream.cuda_stream for stream in held}


def test_torchs_streams_can_be_watched() -> None:
    """``new_stream`` knows by a weak reference who is in use."""
    assert torch.cuda.Stream.__weakrefoffset__ > 0
