"""Encoders run at the priority of everything else."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import av
import pytest

from app.core.muxing.encoder import encoder_opens
from app.core.muxing.thread_priority import usual_priority
from tests.support.bare_export import bare
from tools.fixtures.rich_media import Rich, make_rich

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")


def policies() -> set[int]:
    """Those of all threads of this process."""
    return {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}


def test_opening_every_encoder_leaves_all_threads_ordinary(tmp_path: Path) -> None:
    if not encoder_opens("libsvtav1"):
        pytest.skip("needs the AV1 encoder")
    assert policies() == {os.SCHED_OTHER}
    source = make_rich(tmp_path / "in.mkv", Rich(frames=3, size=(64, 64)))
    bare(source, tmp_path / "out.webm", encoder="libsvtav1", quality="draft")
    assert policies() == {os.SCHED_OTHER}


def test_threads_of_the_open_encoder_are_ordinary_too() -> None:
    context = av.CodecContext.create("libsvtav1", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.framerate = 64, 64, "yuv420p", 25  # type: ignore[assignment]
    with usual_priority():
        context.open()
    assert policies() == {os.SCHED_OTHER}


def test_others_keep_theirs() -> None:
    """A thread that was there before is somebody else's, whatever it runs at."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    ready, done = threading.Event(), threading.Event()
    number: list[int] = []

    def urgent() -> None:
        number.append(threading.get_native_id())
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        ready.set()
        done.wait()

    thread = threading.Thread(target=urgent)
    thread.start()
    ready.wait()
    try:
        with usual_priority():
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
        assert os.sched_getscheduler(number[0]) == os.SCHED_FIFO
    finally:
        done.set()
        thread.join()
