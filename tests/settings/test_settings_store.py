"""Settings survive whatever is in their file."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import paths
from app.core.errors import AppError
from app.core.files.atomic_file import AtomicFile
from app.core.settings import SettingInfo, Settings
from app.core.settings_store import from_dict, load_settings, save_settings, to_dict

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(-(10**400)) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def leaves() -> Iterator[tuple[str, str, SettingInfo]]:
    for group in dataclasses.fields(Settings):
        for field in dataclasses.fields(getattr(Settings(), group.name)):
            yield group.name, field.name, field.metadata["setting"]


LEAVES = list(leaves())


def near_miss() -> st.SearchStrategy[dict[str, Any]]:
    """The right keys, any values."""
    groups: dict[str, set[str]] = {}
    for group, name, _ in LEAVES:
        groups.setdefault(group, set()).add(name)
    return st.fixed_dictionaries(
        {},
        optional={
            group: ANY_JSON | st.dictionaries(st.sampled_from(sorted(names)), ANY_JSON)
            for group, names in groups.items()
        },
    )


def check_valid(settings: Settings) -> None:
    for group, name, info in LEAVES:
        value, default = getattr(getattr(settings, group), name), getattr(getattr(Settings(), group), name)
        assert type(value) is type(default)
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert math.isfinite(value)
            assert info.minimum is None or value >= info.minimum
            assert info.maximum is None or value <= info.maximum
        if isinstance(value, str) and info.choices:
            assert value in dict(info.choices)
        if isinstance(value, tuple):
            assert all(isinstance(item, str) for item in value)


@given(ANY_JSON | near_miss())
def test_any_json_gives_valid_settings(data: object) -> None:
    settings, problems = from_dict(data)
    check_valid(settings)
    assert all(line and "\n" not in line for line in problems)
    again, more = from_dict(json.loads(json.dumps(to_dict(settings))))
    assert (again, more) == (settings, [])


@given(st.binary(max_size=200) | ANY_JSON.map(lambda data: json.dumps(data).encode()))
def test_any_file_gives_valid_settings(content: bytes) -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    settings, _ = load_settings(path)
    check_valid(settings)


def test_wrong_values_are_reported_and_the_right_ones_kept() -> None:
    data = {
        "detection": {"threshold": 7, "iou": float("nan"), "max_detections": 50, "classes": ["car", "person"]},
        "overlay": {"palette": "plaid", "show_labels": 1},
        "model": "demo",
        "future": {"unknown": True},
        "source": {"fps": 30.0},
    }
    settings, problems = from_dict(data)
    assert settings.detection.threshold == 1.0
    assert settings.detection.iou == Settings().detection.iou
    assert settings.detection.max_detections == 50
    assert settings.detection.classes == ("car", "person")
    assert settings.overlay == Settings().overlay
    assert settings.source.fps == 30
    for name in ("detection.threshold", "detection.iou", "overlay.palette", "overlay.show_labels", "model"):
        assert any(name in line for line in problems), name
    assert len(problems) == 5


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "settings.json"
    settings = Settings()
    settings = dataclasses.replace(settings, source=dataclasses.replace(settings.source, last="テスト é.mp4"))
    save_settings(path, settings)
    assert load_settings(path) == (settings, [])
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_only_the_user_may_read_them(tmp_path: Path) -> None:
    """Addresses of cameras hold passwords."""
    path = tmp_path / "settings.json"
    (tmp_path / "settings.json.part").touch(0o644)
    save_settings(path, Settings())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_window_that_saves_at_this_moment_has_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with AtomicFile(path) as other:
        save_settings(path, Settings())
        other.file.write(b'{"source": {"last": "theirs.mp4"}}')
        other.commit()
    assert load_settings(path)[0].source.last == "theirs.mp4"


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.json") == (Settings(), [])


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"[" * 100_000, b" " * 1_000_001])
def test_broken_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    settings, problems = load_settings(path)
    assert settings == Settings()
    assert len(problems) == 1
    assert not path.exists()
    assert (tmp_path / "settings.json.broken").read_bytes() == content


def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    settings, problems = load_settings(tmp_path / "settings.json")
    assert settings == Settings()
    assert len(problems) == 1


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**9)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), Path.mkdir, make_endless, make_huge])
def test_what_is_no_settings_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "settings.json"
    make(path)
    found: list[tuple[Settings, list[str]]] = []
    worker = threading.Thread(target=lambda: found.append(load_settings(path)), daemon=True)
    worker.start()
    worker.join(60)
    ((settings, problems),) = found
    assert settings == Settings()
    assert len(problems) == 1


def test_saving_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match="cannot be saved"):
        save_settings(tmp_path / "file" / "settings.json", Settings())


def test_failed_save_leaves_the_old_file_and_no_scraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    save_settings(path, Settings())
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AppError, match=r"cannot be saved\. The disk is full"):
        save_settings(path, Settings())
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_places_are_named_after_the_program() -> None:
    places = [paths.settings_file(), paths.models_dir(), paths.cache_dir(), paths.log_file()]
    places += [paths.pictures_dir()]
    assert all("ssd-viewer" in place.parts for place in places)
    assert len(set(places)) == len(places)
