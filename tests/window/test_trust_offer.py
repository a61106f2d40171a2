"""A camera that signed its certificate itself: the window shows the fingerprint, and trusts it when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.core.live import LiveEvent, LiveSession, SourceTrouble
from app.core.media.certificates import Certificates, UntrustedCertificateError, normalised
from app.core.settings import ModelSettings, Settings
from app.ui import trust_offer
from app.ui.services.controller import Session
from tests.support.fake_detector import FakeModels
from tests.support.hls_site import Signed, Site, playlist, segment
from tests.support.qt_checks import cut_texts, settle
from tests.support.qt_fakes import Desk, desk

_LIVE = {"/live.m3u8": playlist(["0.ts", "1.ts"]), "/0.ts": segment(0), "/1.ts": segment(1)}
_OLD, _NEW = normalised("AB" * 32), normalised("CD" * 32)


def _button(table: Desk) -> QPushButton:
    return next(b for b in table.services.banner.findChildren(QPushButton) if b.text().startswith("Trust"))


def _offered(table: Desk) -> bool:
    return any(b.isVisible() and b.text().startswith("Trust") for b in table.services.banner.findChildren(QPushButton))


@pytest.fixture
def real(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    def make(ready: Callable[[], None], event: Callable[[LiveEvent], None]) -> Session:
        return LiveSession(ready, event, detector_factory=FakeModels())

    with desk(qtbot, tmp_path, Settings(model=ModelSettings(name="fake")), make) as made:
        yield made


def test_a_press_trusts_the_certificate_and_opens_the_camera(real: Desk, tmp_path: Path) -> None:
    with Site(_LIVE, Signed(tmp_path).by_itself()) as site:
        real.window.open_source(site.url("/live.m3u8"))
        real.qtbot.waitUntil(lambda: _offered(real))
        fingerprint = Certificates().look(site.url("/")).fingerprint
        banner = real.services.banner
        assert normalised(banner.words[1].partition("SHA-256 ")[2]) == fingerprint
        for width in (1240, 480):
            real.window.resize(width, 600)
            settle()
            assert cut_texts(banner) == []
            label = next(label for label in banner.findChildren(QLabel) if label.text() == banner.words[1])
            words = map(label.fontMetrics().horizontalAdvance, label.text().split())
            assert max(words) <= label.width(), "all of the fingerprint is in sight"
        assert Certificates().trusted() == {}
        _button(real).click()
        real.qtbot.waitUntil(lambda: real.controller.info is not None)
        assert Certificates().trusted() == {site.place: fingerprint}
        assert not _offered(real)


@pytest.mark.parametrize("sure", [False, True])
def test_a_certificate_in_place_of_a_trusted_one_is_asked_about(
    table: Desk, monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    monkeypatch.setattr(trust_offer, "confirmed", lambda *_args, **_words: sure)
    Certificates().trust("camera:443", _OLD)
    table.window.open_source("https://camera/live.m3u8")
    error = UntrustedCertificateError("It shows another.", "", "camera:443", _NEW, replaces_trusted=True)
    table.session.on_event(SourceTrouble(error.message, error.hint, False, error))
    table.qtbot.waitUntil(lambda: _offered(table))
    opened = len(table.session.calls)
    _button(table).click()
    table.qtbot.waitUntil(lambda: not table.background.busy)
    settle()
    assert Certificates().trusted() == {"camera:443": _NEW if sure else _OLD}
    assert (len(table.session.calls) > opened) == sure


def test_without_a_fingerprint_there_is_nothing_to_trust(table: Desk) -> None:
    table.window.open_source("https://camera/live.m3u8")
    error = UntrustedCertificateError("It is not trusted.", "Trust it.", "camera:443", "")
    table.session.on_event(SourceTrouble(error.message, error.hint, False, error))
    table.qtbot.waitUntil(table.services.banner.isVisible)
    assert not _offered(table)
