"""Peaks of this computer measured on small matrices, where what it can multiply is no matter."""

from __future__ import annotations

import pytest

from app.lab.bench import peaks


def use_quick_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on to the end of the test."""
    monkeypatch.setitem(peaks.MATRIX_SIDE, "cpu", 128)
    monkeypatch.setitem(peaks.MAP_SIDE, "cpu", 8)
    monkeypatch.setattr(peaks, "SECONDS", 0.0)
