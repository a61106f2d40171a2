"""A network camera over RTSP, from GStreamer's server where that is installed; and addresses as people type them."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import as_understood
from app.core.errors import AppError
from app.core.live import LiveState, SourceOpened, SourceTrouble
from app.core.live import capture as capture_module
from app.core.sources.base import SourceOptions
from app.core.sources.stream import StreamSource
from app.core.sources.uri import open_source
from tests.support.live_probe import LiveProbe
from tests.support.rtsp_server import RtspServer, missing


@pytest.fixture(scope="module")
def gstreamer() -> None:
    if missing():
        pytest.skip(missing())


@pytest.mark.usefixtures("gstreamer")
def test_a_camera_that_dies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))
    with RtspServer() as server, LiveProbe() as probe:
        probe.start(server.url)
        before = probe.detected().frame.index
        server.kill()
        trouble = probe.wait_event(SourceTrouble)
        assert trouble.retrying
        assert server.url in trouble.message
        probe.wait_state(LiveState.STALLED)
        server.start()
        assert probe.wait_event(SourceOpened, 2).info.name == server.url
        assert probe.result_where(lambda result: result.frame.index > before).frame.image_bgr.std() > 5
        assert probe.session.state is LiveState.RUNNING


@pytest.mark.usefixtures("gstreamer")
def test_passwords_are_used_and_not_shown() -> None:
    with RtspServer(("admin", "hu/nt#er@2")) as server:

        def refused(url: str) -> AppError:
            with pytest.raises(AppError) as caught:
                open_source(url)
            assert "hu/nt" not in str(caught.value)
            return caught.value

        place = server.url.partition("://")[2]
        source = open_source(f"RTSP://admin:hu/nt#er@2@{place}", SourceOptions())
        assert isinstance(source, StreamSource)
        assert source.info.name == f"RTSP://***@{place}"
        assert [source.read().index for _ in range(5)] == [0, 1, 2, 3, 4]
        source.close()
        assert refused(server.url).hint.endswith("rtsp://user:password@host/...")
        assert refused(f"rtsp://admin:hu/nt@{place}").hint == "Check user and password in the address."
        lost = refused(f"rtsp://admin:hu%2Fnt%23er%402@{place.replace('live', 'garden')}")
        assert "404 Not Found" in lost.message


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_who_accepts_and_says_nothing_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(AppError, match="no answer in time"):
        open_source(f"{scheme}://127.0.0.1:{mute.getsockname()[1]}/live", SourceOptions(open_timeout_s=0.3))


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("RTSP://Host:554/Live", "rtsp://Host:554/Live"),
        ("rtsp://u:p@ss@host/live", "rtsp://u:p@ss@host/live"),
        ("rtsp://u:a/b?c#d@e@host:554/live", "rtsp://u:a%2Fb%3Fc%23d%40e@host:554/live"),
        ("rtsp://host:554/live@2x", "rtsp://host:554/live@2x"),
        ("rtsp://host/live@2x", "rtsp://host/live@2x"),
        ("rtsp://[::1]/live@2x", "rtsp://[::1]/live@2x"),
        ("http://host/?mail=a@b", "http://host/?mail=a@b"),
    ],
)
def test_addresses_as_ffmpeg_understands_them(typed: str, understood: str) -> None:
    assert as_understood(typed) == understood


@given(st.text("abcXYZ019@:/?&=#%[]", min_size=6))
def test_addresses_are_changed_once(rest: str) -> None:
    once = as_understood(f"rtsp://{rest}")
    assert as_understood(once) == once
