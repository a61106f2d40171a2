"""What tests of alarms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.web_hook import Web


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server
