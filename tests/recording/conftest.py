"""Packets for all tests of recorders."""

from __future__ import annotations

import pytest

from tests.support.recorder_probe import Kept, encode_frames


@pytest.fixture(scope="session")
def encoded() -> Kept:
    """400 frames, 25 a second; frame i shows i and was captured i steps after T0."""
    return encode_frames()
