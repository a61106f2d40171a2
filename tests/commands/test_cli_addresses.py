"""Addresses where files are wanted: named as they were typed, without their passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.addresses import check_files
from app.cli.console import UsageError


@pytest.mark.parametrize("typed", [Path("rtsp://jane:S3CRET@cam/x"), "rtsp://jane:S3CRET@cam/x"])
def test_an_address_keeps_both_slashes_and_no_password(typed: str | Path) -> None:
    with pytest.raises(UsageError) as caught:
        check_files([typed], "annotate")
    assert caught.value.message.startswith("rtsp://***@cam/x ")
