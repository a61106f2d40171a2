"""Loading torch's libraries ahead: they are in memory, torch is not imported yet, and works when it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_libraries_are_mapped_and_torch_works_afterwards(repository: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.core.preload import preload_torch;"
        "mapped = lambda: 'libtorch_cpu' in Path('/proc/self/maps').read_text();"
        "assert not mapped(); preload_torch(); assert mapped(); assert 'torch' not in sys.modules;"
        "import torch; assert torch.ones(3).sum().item() == 3.0;"
        "preload_torch(); print('good')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "good"), done.stderr
