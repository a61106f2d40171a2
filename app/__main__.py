"""``python -m app`` and the packaged executable."""

from __future__ import annotations

import multiprocessing

from app.cli import program

if __name__ == "__main__":
    multiprocessing.freeze_support()  # must come first in a packaged program that may start processes
    program()
