"""Loading libraries ahead: torch's are in memory, torch is not imported yet, and works when it is; so the others."""

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
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout.strip()) == (0, "good"), done.stderr


def test_what_reads_frames_and_what_runs_the_demo_are_loaded_ahead(repository: Path) -> None:
    code = (
        "import sys; from app.core.preload import preload_for, preload_media;"
        "from app.core.settings import ModelSettings;"
        "preload_media(); assert {'av', 'cv2'} <= set(sys.modules) and 'openvino' not in sys.modules;"
        "preload_for(ModelSettings()); assert 'openvino' in sys.modules and 'torch' not in sys.modules;"
        "preload_for(ModelSettings(name='no-such-model')); print('good')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout.strip()) == (0, "good"), done.stderr
