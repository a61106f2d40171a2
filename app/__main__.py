"""``python -m app`` and the packaged executable."""

from __future__ import annotations

import multiprocessing
import sys

from app.cli import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # must come first in a packaged program that may start processes
    sys.exit(main())
