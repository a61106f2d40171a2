"""FFmpeg keeps quiet, and PyAV's log stays out of Python: routed there, it deadlocks decoder threads."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from tests.support.media import make_video

_READ_DAMAGED = """
import sys
from pathlib import Path
import av.logging
import app.core.export.job
import app.core.sources.uri
import app.core.sources.stream
from app.core.sources.video import VideoReader

for _ in range(20):
    reader = VideoReader(Path(sys.argv[1]))
    while reader.read() is not None:
        pass
    damage = reader.broken_packets
    reader.close()
print(damage, av.logging.get_level())
"""


def test_damaged_media_neither_hang_nor_chatter(tmp_path: Path, repository: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", frames=40, size=(320, 240), fps=Fraction(25))
    content = bytearray(clip.read_bytes())
    for place in range(len(content) // 3, len(content) * 2 // 3, 97):
        content[place] ^= 0x5A
    clip.write_bytes(content)
    command = [sys.executable, "-c", _READ_DAMAGED, str(clip)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.split()[1] == "None"
