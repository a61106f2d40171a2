"""The log file: written where it can be, never in the way."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from app.core.logs import start_log, stop_log


@pytest.mark.expects_log
def test_faults_leave_their_traceback_in_the_file(tmp_path: Path) -> None:
    handler = start_log(tmp_path / "deep" / "ssd-viewer.log")
    try:
        raise ValueError("the cause at rtsp://jane:p@ss/w?d@host/cam?token=abc, and more")
    except ValueError:
        logging.getLogger("app.core.live").exception("it broke")
    stop_log(handler)
    logging.getLogger("app.core.live").warning("after the end")
    text = (tmp_path / "deep" / "ssd-viewer.log").read_text()
    assert "it broke" in text
    assert "ValueError: the cause at rtsp://***@host/cam?token=***" in text
    assert "jane" not in text
    assert "ss/w" not in text
    assert "after the end" not in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ssd-viewer.log")
    handlers: list[logging.Handler] = []
    worker = threading.Thread(target=lambda: handlers.append(start_log(tmp_path / "ssd-viewer.log")), daemon=True)
    worker.start()
    worker.join(60)
    (handler,) = handlers
    stop_log(handler)
    assert isinstance(handler, logging.NullHandler)


def test_a_place_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    handler = start_log(tmp_path / "file" / "ssd-viewer.log")
    logging.getLogger("app.core.live").info("nobody hears this")
    stop_log(handler)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_obstacle(capsys: pytest.CaptureFixture[str]) -> None:
    handler = start_log(Path("/dev/full"))
    logging.getLogger("app.core.live").info("nobody hears this")
    stop_log(handler)
    assert capsys.readouterr() == ("", "")
