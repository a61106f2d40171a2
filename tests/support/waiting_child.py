"""A program whose other process never answers: ``python -m tests.support.waiting_child``."""

from __future__ import annotations

import os
import threading

from detector.runtime.other_process import Messages, call_elsewhere


def wait_for_ever(_messages: Messages) -> None:
    """Say that it is there, then wait."""
    os.write(1, b"at work\n")
    threading.Event().wait()


if __name__ == "__main__":
    call_elsewhere(wait_for_ever, (), name="waiting", died="It died.")
