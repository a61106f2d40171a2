"""Graphs from outside: what no detector holds is refused unseen, and the rest is first opened where it may die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.ir_description import describe_ir
from detector.ir_file import check_ir
from detector.ir_layers import LAYERS
from detector.library import ModelLibrary
from detector.model_file import open_file
from detector.runtime import graph_trial
from detector.runtime.graph_trial import GraphFormat, remember_survival, require_survival
from detector.runtime.open import open_detector
from tests.support.shared_data import shared
from tools.fixtures.tiny_ir import save_tiny_ir

_LAYER = re.compile(r'type="(\w+)" version="(\w+)"')


@pytest.fixture(scope="module")
def tiny_ir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_ir(tmp_path_factory.mktemp("ir"))


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_trial, "_survived", set())  # by the tests before this one


def _with_layer(tiny_ir: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of the graph in which the first layer of type ``old`` is ``new``: its type and version."""
    text = tiny_ir.read_text(encoding="utf-8")
    place = next(match for match in _LAYER.finditer(text) if match[1] == old)
    kind, version = new.split()
    path = folder / "odd.xml"
    path.write_text(f'{text[: place.start()]}type="{kind}" version="{version}"{text[place.end() :]}', encoding="utf-8")
    path.with_suffix(".bin").write_bytes(tiny_ir.with_suffix(".bin").read_bytes())
    return path


_DEADLY = {  # each of these ended the process inside read_model
    "Assign opset6": ("Const", "ReduceMean", "SoftMax", "MatMul", "DetectionOutput", "Result"),
    "Assign opset13": ("Const", "ReduceMean", "SoftMax", "MatMul", "DetectionOutput", "Result"),
    "ReadValue opset6": ("Const", "ReduceMean", "SoftMax", "MatMul", "DetectionOutput"),
    "ReadValue opset13": ("Const", "ReduceMean", "SoftMax", "MatMul", "DetectionOutput"),
    "Slice opset8": ("ReduceMean", "Reshape"),
    "Slice opset13": ("ReduceMean", "Reshape"),
    "Broadcast opset1": ("Const", "Parameter", "SoftMax"),
    "MaxPool opset1": ("Const", "Parameter"),
    "MaxPool opset7": ("Const", "Parameter"),
}


@pytest.mark.parametrize(("old", "new"), [(old, new) for new, places in _DEADLY.items() for old in places])
def test_a_layer_that_has_no_place_there_is_one_line(tiny_ir: Path, tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(DetectorError) as caught:
        describe_ir(_with_layer(tiny_ir, tmp_path, old, new))
    assert str(caught.value).isprintable()


def test_such_a_layer_leaves_the_library_as_it_was(tiny_ir: Path, tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "user", tmp_path / "none")
    with pytest.raises(DetectorError, match="ReadValue"):
        library.import_file(_with_layer(tiny_ir, tmp_path, "Reshape", "ReadValue opset6"), "x")
    assert not library.user_dir.exists()
    assert not library.broken()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r' element_type="f32"', ' element_type="string"'),
        (r' shape="[^"]*"', ""),
        (r' version="opset1"', ""),
        (r' version="opset1"', ' version="extension"'),
        (r"<edge [^>]*/>", ""),
        (r'<edge from-layer="\d+"', '<edge from-layer="77"'),
        (r'to-port="\d+"', 'to-port="9"'),
        (r"(<edge [^>]*/>)", r"\1\1"),
        (r'<layer id="1"', '<layer id="0"'),
        (r"(<data [^>]*/>)", r"\1\1"),
        (r"(<output>)", r'<layer id="99" name="hidden" type="Const" version="opset1"/>\1'),
    ],
)
def test_what_is_not_completely_connected_or_said_is_refused(tiny_ir: Path, tmp_path: Path, old: str, new: str) -> None:
    text, count = re.subn(old, new, tiny_ir.read_text(encoding="utf-8"), count=1)
    assert count == 1
    path = tmp_path / "odd.xml"
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".bin").write_bytes(tiny_ir.with_suffix(".bin").read_bytes())
    with pytest.raises(DetectorError):
        check_ir(path)


def test_more_layers_than_any_detector_has_are_refused(tiny_ir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.ir_layers.MAX_LAYERS", 3)
    with pytest.raises(DetectorError, match="more than 3 layers"):
        check_ir(tiny_ir)


def test_control_flow_and_variables_are_in_no_detector() -> None:
    assert not {"If", "Loop", "TensorIterator", "ReadValue", "Assign"} & LAYERS.keys()


def test_real_networks_pass() -> None:
    for path in shared("weights/openvino-ssd").glob("*.xml"):
        check_ir(path)


# What a trial runs, in the other process:


def _passes(_path: Path) -> None:
    return None


def _dies(_path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _leaves_a_line(_path: Path) -> None:
    raise DetectorError("It is no network.", "Fetch it again.")


def _breaks(_path: Path) -> None:
    raise ValueError("x")


def _takes_for_ever(_path: Path) -> None:
    signal.pause()


def _takes_all_memory(_path: Path) -> None:
    _taken = [np.empty(2**28, np.uint8) for _ in range(64)]  # untouched: it is address space that is limited


def _accept(_path: Path) -> None:
    return None


def _refuse(_path: Path) -> None:
    raise DetectorError("It must not be seen.")


def _version() -> str:
    return "engine-1"


def _other_version() -> str:
    return "engine-2"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"nodes")
    return path


def test_a_graph_that_ends_its_process_is_one_line(graph: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    for _ in range(2):  # it is not remembered as good
        with pytest.raises(DetectorError, match=r"graph\.onnx cannot be used: opening it ended the process"):
            require_survival(graph, GraphFormat(_accept, _dies, _version), marks)
    assert not marks.exists()


def test_a_process_that_does_not_start_is_not_the_graphs_fault(graph: Path, tmp_path: Path) -> None:
    script = tmp_path / "careless.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.importers.test_graph_trial import try_careful\n"
        "try_careful(Path(sys.argv[1]))\n",  # at the top level, so that the other process comes here again
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, str(script), str(graph)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "cannot be tried: the process for that does not start" in ended.stdout, ended.stderr


def try_careful(graph: Path) -> None:
    """Called by the script above."""
    try:
        require_survival(graph, GraphFormat(_accept, _passes, _version))
    except DetectorError as error:
        print(error)  # noqa: T201  # read by the test


@pytest.mark.parametrize(
    ("run", "message"),
    [(_leaves_a_line, "It is no network"), (_breaks, r"running it fails \(ValueError\)")],
)
def test_what_the_trial_says_comes_through(graph: Path, run: graph_trial.Step, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        require_survival(graph, GraphFormat(_accept, run, _version))


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="the trial waits by a call this system lacks")
def test_a_trial_that_never_ends_is_ended(graph: Path) -> None:
    with pytest.raises(DetectorError, match="took more than 0 seconds"):
        require_survival(graph, GraphFormat(_accept, _takes_for_ever, _version), limit_s=0.0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux only")
def test_a_trial_that_takes_all_memory_is_ended(graph: Path) -> None:
    with pytest.raises(DetectorError, match="MemoryError"):
        require_survival(graph, GraphFormat(_accept, _takes_all_memory, _version))


def test_what_must_not_be_seen_is_not_tried(graph: Path) -> None:
    with pytest.raises(DetectorError, match="It must not be seen"):
        require_survival(graph, GraphFormat(_refuse, _passes, _version))


def test_a_survival_is_remembered_until_the_content_or_the_engine_changes(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    require_survival(graph, GraphFormat(_accept, _passes, _version), marks)
    deadly, newer = GraphFormat(_accept, _dies, _version), GraphFormat(_accept, _dies, _other_version)
    require_survival(graph, deadly)  # this process remembers
    monkeypatch.setattr(graph_trial, "_survived", set())
    require_survival(graph, deadly, marks)  # and so does the next
    with pytest.raises(DetectorError, match="ended the process"):
        require_survival(graph, newer, marks)
    graph.write_bytes(b"other nodes")
    with pytest.raises(DetectorError, match="ended the process"):
        require_survival(graph, deadly, marks)


def test_only_what_survived_is_noted_for_the_next_start(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, graph_format = tmp_path / "marks", GraphFormat(_accept, _passes, _version)
    remember_survival(graph, graph_format, marks)
    assert not marks.exists()
    require_survival(graph, graph_format)
    remember_survival(graph, graph_format, marks)
    monkeypatch.setattr(graph_trial, "_survived", set())
    require_survival(graph, GraphFormat(_accept, _dies, _version), marks)


def test_marks_that_cannot_be_written_do_not_matter(graph: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").write_text("a file has the folder's name")
    require_survival(graph, GraphFormat(_accept, _passes, _version), tmp_path / "marks")


def _count_trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names the files that are tried from now on."""
    tried: list[str] = []
    call = graph_trial.call_elsewhere

    def counted(work: object, arguments: tuple[object, object, str], **how: object) -> object:
        tried.append(arguments[2])
        return call(work, arguments, **how)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(graph_trial, "call_elsewhere", counted)
    return tried


def test_an_imported_network_is_tried_once_and_again_when_its_file_changed(
    tiny_ir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, cache = _count_trials(monkeypatch), tmp_path / "cache"
    library = ModelLibrary(tmp_path / "user", tmp_path / "none", cache)
    entry = library.import_file(tiny_ir, "tiny").entry
    assert tried == ["tiny.xml"]
    monkeypatch.setattr(graph_trial, "_survived", set())  # another start
    open_detector(entry, cache_dir=cache).close()
    assert len(tried) == 1
    assert entry.path is not None
    graph = entry.path / "model.xml"
    text = graph.read_text(encoding="utf-8")
    graph.write_text(text.replace('nms_threshold="0.4', 'nms_threshold="0.3'), encoding="utf-8")
    open_detector(entry, cache_dir=cache).close()
    assert tried == ["tiny.xml", "model.xml"]
    graph.write_text(text.replace("SoftMax", "ReadValue"), encoding="utf-8")
    with pytest.raises(DetectorError, match="ReadValue"):
        open_detector(entry, cache_dir=cache)
    assert len(tried) == 2


def test_a_network_opened_where_it_lies_is_tried_too(
    tiny_ir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = _count_trials(monkeypatch)
    for _ in range(2):
        open_detector(open_file(tiny_ir), cache_dir=tmp_path / "cache").close()
    assert tried == ["tiny.xml"]
