"""The command line: exit codes, one line on stderr, light imports, and what the window is handed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from app.cli import main
from app.cli.console import one_line, table
from tests.support.command_line import Capture, check_one_line, install_fake_model, run


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library; whatever is opened is it."""
    install_fake_model(monkeypatch)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["annotate"], "VIDEO"),
        (["detect", "x.png", "--threshold", "1.5"], "from 0 to 1"),
        (["detect", "x.png", "--threshold", "nan"], "from 0 to 1"),
        (["detect", "x.png", "--iou", "-0.1"], "from 0 to 1"),
        (["detect", "x.png", "--precision", "fp64"], "invalid choice"),
        (["detect", "x.png", "--device", "tpu"], "no device 'tpu'"),
        (["detect", "x.png", "--classes", ","], "no class is named"),
        (["detect", "x.png", "--model", "fake", "--classes", "cat"], "It knows: car, person, dog"),
        (["detect", "x.png", "--model", "nothing-like-it"], "Known: "),
        (["annotate", "x.mp4", "--model", "nothing-like-it"], "Known: "),
        (["annotate", "x.mp4", "--no-video"], "leaves nothing to write"),
        (["annotate", "x.mp4", "--data", "x.xlsx"], ".jsonl, .csv"),
        (["annotate", "x.mp4", "-o", "x.avi"], "MP4"),
        (["annotate", "x.mp4", "y.mp4", "-o", "z.mp4"], "must be a folder"),
        (["annotate", "x.mp4", "y.mp4", "--data", "z.csv"], "must be an ending"),
        (["models", "import", "x.pth"], "--name"),
        (["models", "dance"], "invalid choice"),
        (["--no-such-flag"], "Unrecognized"),
        (["video.mp4", "--camera", "0"], "exclude each other"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    capsys: Capture, fake_model: None, arguments: list[str], said: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    check_one_line(err, said)


@pytest.mark.parametrize("arguments", [["--help"], ["annotate", "--help"], ["detect", "-h"], ["models", "--help"]])
def test_help_is_no_failure(capsys: Capture, arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    assert "ssd-viewer" in out


def test_version(capsys: Capture) -> None:
    assert run(capsys, "--version") == (0, f"ssd-viewer {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["annotate", "x.mp4", "--threshold", "7"]])
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from app.cli import main; main(sys.argv[1:]);"
        "print(sorted({'torch', 'torchvision', 'cv2', 'av', 'openvino', 'PySide6'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_mistyped_command_is_one_line(capsys: Capture) -> None:
    code, _, err = run(capsys, "anotate")
    assert code == 1
    check_one_line(err, "anotate: no such file, folder or command")


def test_a_window_without_a_display_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    code, _, err = run(capsys)
    assert code == 1
    check_one_line(err, "no display")


@pytest.mark.skipif(sys.platform != "linux", reason="X displays")
def test_a_display_that_does_not_answer_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":9876")
    code, _, err = run(capsys)
    assert code == 1
    check_one_line(err)  # of the display, or of a library of Qt that is not here


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["models"], ["models", "--json", "-"]])
def test_output_that_cannot_be_written_is_one_line(repository: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments], cwd=repository, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    check_one_line(done.stderr, "No space left")


def test_the_window_gets_source_and_settings(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from app.ui import main as window

    calls: list[tuple[object, object]] = []
    monkeypatch.setattr(window, "run", lambda sources, overrides, *_: calls.append((sources, overrides)) or 0)
    assert run(capsys, "--camera", "Front Cam", "--threshold", "0.3", "--model", "demo")[0] == 0
    assert run(capsys, tmp_path, "--classes", "car, dog")[0] == 0
    assert run(capsys, "rtsp://host/x", tmp_path.as_uri())[0] == 0
    assert calls == [
        (("camera:Front Cam",), {"model": {"name": "demo"}, "detection": {"threshold": 0.3}}),
        ((str(tmp_path),), {"detection": {"classes": ("car", "dog")}}),
        (("rtsp://host/x", str(tmp_path)), {}),
    ]


def test_a_model_of_no_use_is_not_handed_to_the_window(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window would keep it for later runs."""
    from app.ui import main as window

    monkeypatch.setattr(window, "run", lambda *_: pytest.fail("the window opened"))
    code, _, err = run(capsys, "--model", "nothing-like-it")
    assert code == 2
    check_one_line(err, "Known: ")


def test_a_model_file_is_kept_by_its_whole_path(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path
) -> None:
    from app.ui import main as window

    calls: list[object] = []
    monkeypatch.setattr(window, "run", lambda _sources, overrides, *_: calls.append(overrides) or 0)
    (tmp_path / "mine.safetensors").write_bytes((repository / "weights" / "demo.safetensors").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "--model", "mine.safetensors")[0] == 0
    assert calls == [{"model": {"name": str(tmp_path / "mine.safetensors")}}]


def test_a_program_without_streams_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by an icon on Windows, Python has no stdout and no stderr."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["models", "list"]) == 0
    assert main(["models", "info", "nothing-like-it"]) == 1
    sys.stdout.close()  # what the program put in their place
    sys.stderr.close()


def test_words_cannot_write_on_the_terminal() -> None:
    assert one_line("a\n  b\tc\x1b[31md") == "a b c [31md"
    assert table([("A", "LONG"), ("bb", "c")]) == ["A   LONG", "bb  c"]


@pytest.mark.parametrize("flags", [["--new-window"], ["--camera", "0"], ["--threshold", "0.3"], ["--model", "demo"]])
def test_what_is_meant_for_a_window_of_its_own_gets_one(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    from app.core.instance import InstanceLock
    from app.ui import main as window

    places: list[object] = []
    monkeypatch.setattr(window, "run", lambda _sources, _overrides, place, _closing: places.append(place) or 0)
    other = InstanceLock()
    assert other.claim()
    assert run(capsys, *flags) == (0, "", "")
    other.close()
    assert run(capsys, *flags) == (0, "", "")
    assert places[0] is None
    assert isinstance(places[1], InstanceLock), "later starts may hand over to it"
