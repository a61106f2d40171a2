"""Model files: whole or absent, read only when sound, and their spec without torch."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import DetectorError
from detector.models.build import build_network
from detector.safetensors_file import MAX_HEADER_BYTES, atomic_file, read_arrays, read_header, write_arrays
from detector.weights import METADATA_KEY, load_spec, load_state, load_strict, save_model
from tests.support.tiny_models import random_spec, random_state, save_random


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_random(path)
    return path


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    spec = random_spec()
    state = random_state(spec)
    path = tmp_path / "deep" / "er" / "m.safetensors"
    save_model(path, spec, state)
    assert load_spec(path) == spec
    loaded = load_state(path, spec)
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert [p.name for p in path.parent.iterdir()] == ["m.safetensors"]


def test_the_authors_of_the_format_read_what_is_written(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    arrays = {
        "scalar": np.array(3, np.int64),
        "none": np.empty((2, 0, 3), np.float32),
        "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
        "half": np.arange(3, dtype=np.float16),
        "bytes": np.arange(5, dtype=np.uint8),
        "double": np.linspace(0, 1, 7),
    }
    path = tmp_path / "m.safetensors"
    write_arrays(path, arrays, {"a": "ä b", "c": ""})
    theirs = load_file(path)
    for found in (theirs, read_arrays(path)):
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array, strict=True)
    with safe_open(path, "np") as file:  # type: ignore[no-untyped-call]  # without annotations
        assert file.metadata() == {"a": "ä b", "c": ""}
    assert read_header(path).data_start % 8 == 0
    with pytest.raises(DetectorError, match="'flags' of bool numbers cannot be written"):
        write_arrays(path, {"flags": np.ones(2, bool)}, {})


def test_half_precision_arrives_as_float32(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    values = torch.tensor([1.5, -2.0, 3.140625])
    path = tmp_path / "half.safetensors"
    save_file({"b": values.bfloat16(), "h": values.half(), "i": torch.tensor(7)}, str(path))
    state = load_state(path, random_spec())
    assert torch.equal(state["b"], values.bfloat16().float())
    assert torch.equal(state["h"], values)
    assert state["i"].shape == ()
    assert int(state["i"]) == 7


def test_the_spec_is_read_without_torch(model: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from detector.library import ModelLibrary
from detector.weights import load_spec
load_spec(Path({str(model)!r}))
ModelLibrary(Path({str(model.parent)!r}), Path("nowhere")).list()
heavy = {{"torch", "openvino", "cv2"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_the_network_takes_exactly_its_own_tensors() -> None:
    spec = random_spec()
    state = random_state(spec)
    network = build_network(spec)
    load_strict(network, state, "it")
    assert torch.equal(network.state_dict()["extras.0.0.weight"], state["extras.0.0.weight"])
    wrong = dict(state)
    del wrong["extras.0.0.bias"]
    wrong["extra.key"] = torch.zeros(2, 3)
    wrong["extras.0.0.weight"] = torch.zeros(1)
    with pytest.raises(DetectorError) as caught:
        load_strict(network, wrong, "file.safetensors")
    assert caught.value.message == (
        "file.safetensors does not fit its network: extras.0.0.bias [64] is missing; extra.key [2, 3] is unexpected; "
        "extras.0.0.weight is [1] instead of [64, 256, 1, 1]."
    )


def test_whole_numbers_are_no_weights() -> None:
    spec = random_spec()
    state = random_state(spec)
    state["extras.0.0.bias"] = state["extras.0.0.bias"].to(torch.int32)
    with pytest.raises(DetectorError, match=r"extras\.0\.0\.bias holds int32 instead of floating point"):
        load_strict(build_network(spec), state, "it")


def test_a_flood_of_faults_is_cut_after_ten() -> None:
    spec = random_spec()
    with pytest.raises(DetectorError) as caught:
        load_strict(build_network(spec), {}, "it")
    assert caught.value.message.count("is missing") == 10
    assert f"and {len(random_state(spec)) - 10} more" in caught.value.message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(DetectorError, match="NaN or infinity"):
        save_model(path, random_spec(), {"w": torch.tensor([1.0, value])})
    write_arrays(path, {"w": np.array([value], np.float32)}, {})
    with pytest.raises(DetectorError, match="NaN or infinity"):
        load_state(path, random_spec())


def test_tensors_without_a_description_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_arrays(path, {"w": np.ones(3, np.float32)}, {"format": "pt"})
    with pytest.raises(DetectorError, match="no description"):
        load_spec(path)
    write_arrays(path, {"w": np.ones(3, np.float32)}, {METADATA_KEY: "{}"})
    with pytest.raises(DetectorError, match=r"other\.safetensors: .*format is missing"):
        load_spec(path)


def test_a_failed_write_leaves_the_old_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = model.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DetectorError, match="No space left on device"):
        save_random(model, seed=1)
    assert model.read_bytes() == before
    assert [p.name for p in model.parent.iterdir()] == [model.name]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "f") as file:  # noqa: PT012  # the block is the test
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_two_who_write_one_file_do_not_mix(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "f") as file:
        file.write(b"first")
        with (
            pytest.raises(DetectorError, match="f is being written by another program"),
            atomic_file(tmp_path / "f") as other,
        ):
            other.write(b"second")
    assert (tmp_path / "f").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_a_crash_left_is_written_over_and_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"much more than that")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "g.part").symlink_to(tmp_path / "precious")
    for name in ("f", "g"):
        with atomic_file(tmp_path / name) as file:
            file.write(b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DetectorError, match="Cannot write"):
        save_random(tmp_path / "file" / "m.safetensors")


def _file(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def _entry(dtype: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEADERS: list[tuple[Any, bytes, str]] = [
    ({"a": _entry("F32", [2], 0, 8)}, b"1234", "is cut off: 4 of 8"),
    ({"a": _entry("F32", [1], 0, 4)}, b"12345678", "more bytes"),
    ({"a": _entry("F32", [1], 0, 4), "b": _entry("F32", [1], 0, 4)}, b"1234", "overlap"),
    ({"a": _entry("F32", [1], 4, 8)}, b"12345678", "gaps"),
    ({"a": _entry("F32", [2], 0, 4)}, b"1234", "size of tensor 'a' is wrong"),
    ({"a": _entry("F32", [2**62, 2**62], 0, 4)}, b"1234", "size of tensor"),
    ({"a": _entry("F32", [-1], 0, -4)}, b"", "size of tensor"),
    ({"a": _entry("F32", [True], 0, 4)}, b"1234", "size of tensor"),
    ({"a": _entry("F32", "x", 0, 4)}, b"1234", "size of tensor"),
    ({"a": _entry("F32", [1], "0", 4)}, b"1234", "size of tensor"),
    ({"a": _entry("F8", [1], 0, 1)}, b"1", "unknown type"),
    ({"a": _entry([], [1], 0, 4)}, b"1234", "unknown type"),
    ({"a": {}}, b"", "entry of tensor 'a' is damaged"),
    ({"a": None}, b"", "damaged"),
    ([], b"", "header is damaged"),
    ({"__metadata__": {"k": 1}}, b"", "metadata is damaged"),
    ({"__metadata__": []}, b"", "metadata is damaged"),
    (b'{"a": 1, "a": 1}', b"", "header is damaged"),
    (b"\xff\xfe", b"", "header is damaged"),
    (b"[" * 100_000, b"", "header is damaged"),
]


@pytest.mark.parametrize(("header", "data", "message"), HEADERS)
def test_each_broken_header_is_told(tmp_path: Path, header: Any, data: bytes, message: str) -> None:
    path = _file(tmp_path / "x.safetensors", header, data)
    with pytest.raises(DetectorError) as caught:
        read_header(path)
    assert message in caught.value.message


@pytest.mark.parametrize("length", [0, 1, 3, 2**63, MAX_HEADER_BYTES + 1])
def test_a_header_of_absurd_length_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(DetectorError, match="no valid header"):
        read_header(_file(tmp_path / "x.safetensors", b"{}", length=length))


@pytest.mark.parametrize("content", [b"", b"abc", b"<html>this is a page that was saved instead</html>"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DetectorError):
        read_arrays(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DetectorError, match="Cannot read"):
            load_spec(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "fuzz.safetensors"
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3)}
    write_arrays(path, arrays, {METADATA_KEY: "{}"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    path.write_bytes(content)
    try:
        read = read_arrays(path)
    except DetectorError:
        return
    assert sum(array.nbytes for array in read.values()) <= len(content)
