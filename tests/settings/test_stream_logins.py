"""Passwords of streams: apart from the settings, and found again."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from app.core.paths import settings_file, stream_logins_file
from app.core.settings import Settings
from app.core.settings_store import save_settings
from app.core.sources.base import SourceOptions
from app.core.sources.uri import open_source
from app.core.stream_logins import keep_login, with_login
from app.ui.services.background import Background
from app.ui.services.settings_model import SettingsModel
from tests.support.hls_site import Site, playlist, segment

LOGIN = "rtsp://jane:S3CRET@cam/live"


def test_what_is_remembered_has_no_password_and_opens_again() -> None:
    shown = keep_login(LOGIN)
    assert shown == "rtsp://***@cam/live"
    assert with_login(shown) == LOGIN
    assert with_login(keep_login("http://cam/a?token=S3CRET")) == "http://cam/a?token=S3CRET"
    assert with_login("rtsp://***@other/live") == "rtsp://***@other/live"
    if sys.platform != "win32":
        assert stat.S_IMODE(stream_logins_file().stat().st_mode) == 0o600


@pytest.mark.parametrize("uri", ["rtsp://cam/live", "http://cam/a?size=2#x", "/films/a.mp4", "camera:0"])
def test_what_has_no_secret_stays_as_it_is(uri: str) -> None:
    assert keep_login(uri) == with_login(uri) == uri
    assert not stream_logins_file().exists()


def test_a_login_that_somebody_changed_leads_nowhere_else() -> None:
    shown = keep_login(LOGIN)
    stream_logins_file().write_text(json.dumps({shown: "rtsp://jane:pw@elsewhere/live"}))
    assert with_login(shown) == shown


def test_where_it_cannot_be_kept_it_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert keep_login(LOGIN) == "rtsp://***@cam/live"


def test_the_settings_hold_no_password_old_ones_neither(qapp: object) -> None:
    settings = Settings()
    model = SettingsModel(settings, lambda changed: save_settings(settings_file(), changed), Background())
    model.set("source", "recent", (LOGIN,))  # as versions before kept it
    model.remember_source("http://jane:S3CRET@cam/b")
    model.flush()
    assert model.current.source.recent == ("http://***@cam/b", "rtsp://***@cam/live")
    assert model.current.source.last == "http://***@cam/b"
    assert "S3CRET" not in settings_file().read_text()


def test_a_remembered_address_opens_with_its_login() -> None:
    with Site({"/a.m3u8": playlist(["0.ts"]), "/0.ts": segment(0)}) as site:
        shown = keep_login(f"http://jane:S3CRET@{site.place}/a.m3u8")
        source = open_source(shown, SourceOptions(open_timeout_s=10, stall_s=1))
        assert source.reopen_uri == f"http://jane:S3CRET@{site.place}/a.m3u8"
        assert source.info.name == shown
        source.close()
