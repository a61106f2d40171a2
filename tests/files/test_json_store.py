"""Small facts in a JSON file: whatever is in it, reading never fails, and no update is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import AppError
from app.core.files.atomic_file import AtomicFile, FileBusyError
from app.core.files.json_store import JsonStore


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[1]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}' + b" " * 10**6]
)
def test_what_is_no_object_of_ours_reads_as_empty(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_bytes(content)
    assert JsonStore(path).read() == {}


def test_an_update_sees_what_is_there_and_none_leaves_it(tmp_path: Path) -> None:
    store = JsonStore(tmp_path / "new folder" / "facts.json")
    store.update(lambda known: {**known, "a": 1})
    store.update(lambda known: {**known, "b": [2]})
    store.update(lambda _: None)
    assert store.read() == {"a": 1, "b": [2]}
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["facts.json"]


def test_updates_by_many_threads_are_all_there(tmp_path: Path) -> None:
    store = JsonStore(tmp_path / "facts.json")

    def work(number: int) -> None:
        for step in range(10):
            store.update(lambda known, name=f"{number}.{step}": {**known, name: True})  # type: ignore[misc] # mypy knows no default here

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read()) == 40


def test_a_program_that_writes_it_refuses_others(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"

    def never(_known: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("the file is somebody else's")

    with AtomicFile(path), pytest.raises(FileBusyError):
        JsonStore(path).update(never)


def test_a_folder_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match="cannot be written"):
        JsonStore(tmp_path / "file" / "facts.json").update(lambda _: {})
