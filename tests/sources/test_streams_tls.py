"""Encrypted streams: whose certificate is believed, and that nothing else is."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import threading
from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.media.certificates import Certificates, UntrustedCertificateError, normalised
from app.core.media.container import open_container
from app.core.media.tls_relay import TlsRelay
from app.core.sources.base import SourceOptions
from app.core.sources.uri import open_source
from detector.errors import Remedy
from tests.support.command_line import Capture, run
from tests.support.hls_site import Signed, Site, playlist, segment
from tests.support.media import make_video

QUICK = SourceOptions(open_timeout_s=10, stall_s=2)
LIVE = {"/live.m3u8": playlist(["0.ts", "1.ts"]), "/0.ts": segment(0), "/1.ts": segment(1)}


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return Signed(tmp_path)


def refused(url: str) -> UntrustedCertificateError:
    with pytest.raises(UntrustedCertificateError) as caught:
        open_source(url, QUICK)
    return caught.value


def test_a_camera_that_signs_for_itself_is_refused_until_it_is_trusted(signed: Signed) -> None:
    with Site(LIVE, signed.by_itself()) as site:
        error = refused(site.url("/live.m3u8"))
        assert error.place == site.place
        assert error.remedies == (Remedy("trust", site.place, command="cameras"),)
        assert site.asked == []  # nothing was sent to whom nobody knows
        Certificates().trust(error.place, error.fingerprint)
        source = open_source(site.url("/live.m3u8"), QUICK)
        assert source.read() is not None
        source.close()
        assert Certificates().forget(site.place)
        refused(site.url("/live.m3u8"))


def test_another_certificate_than_the_trusted_one_is_refused(signed: Signed) -> None:
    with Site(LIVE, signed.by_itself("camera")) as site:
        shown = Certificates().look(site.url("/")).fingerprint
        other = normalised("AB" * 32)
        Certificates().trust(site.place, other)
        error = refused(site.url("/live.m3u8"))
        assert error.fingerprint == shown
        assert "another certificate" in error.message
        assert site.asked == []


def test_an_authority_of_the_system_is_believed_for_its_hosts_only(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = signed.by_authority("IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Site(LIVE, context) as site:
        source = open_source(site.url("/live.m3u8"), QUICK)
        assert source.read() is not None
        source.close()
        assert Certificates().look(site.url("/")).verified
    context, authority = signed.by_authority("DNS:elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Site(LIVE, context) as site:
        refused(site.url("/live.m3u8"))


def test_what_a_playlist_leads_to_is_checked_as_well(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = signed.by_authority()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Site(LIVE, signed.by_itself()) as other, Site({}, context) as site:
        site.files["/live.m3u8"] = playlist([other.url("/0.ts"), other.url("/1.ts")])
        refused(site.url("/live.m3u8"))
        assert other.asked == []


def test_a_recorded_video_is_checked_as_well(signed: Signed, tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", frames=5, faststart=True)
    files = {"/clip.mp4": ("video/mp4", (tmp_path / "clip.mp4").read_bytes())}
    with Site(files, signed.by_itself()) as site:
        with pytest.raises(UntrustedCertificateError) as caught:
            open_container(site.url("/clip.mp4"))
        Certificates().trust(site.place, caught.value.fingerprint)
        source = open_source(site.url("/clip.mp4"), QUICK)
        assert source.info.kind == "video"
        source.close()


def test_rtsps_is_refused_before_anything_is_sent_and_relayed_once_trusted(signed: Signed) -> None:
    context, heard = signed.by_itself(), []

    def serve(listener: socket.socket) -> None:
        for _ in range(3):
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as visitor:
                    while piece := visitor.recv(1000):
                        heard.append(piece)
                        visitor.sendall(piece.upper())
            except (ssl.SSLError, OSError):
                plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        error = refused(f"rtsps://jane:hunter2@127.0.0.1:{port}/live")
        assert "hunter2" not in str(error)
        assert heard == []
        certificates = Certificates()
        certificates.trust(error.place, error.fingerprint)
        relay = TlsRelay(certificates, "127.0.0.1", port, 5)
        with socket.create_connection(("127.0.0.1", relay.port), 5) as camera:
            said = b"options rtsp\r\n\r\n" + b"x" * 200_000
            camera.sendall(said)
            answer = b""
            while len(answer) < len(said) and (piece := camera.recv(65536)):
                answer += piece
            assert answer == said.upper()
        relay.close()
        thread.join(60)


def test_ffmpeg_speaks_rtsp_through_the_relay(signed: Signed) -> None:
    context, heard = signed.by_itself(), []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):  # the look at the certificate, and the camera's own connection
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as visitor:
                while piece := visitor.recv(4000):
                    heard.append(piece)
                    sequence = re.search(rb"CSeq: *(\d+)", piece)
                    assert sequence is not None
                    visitor.sendall(b"RTSP/1.0 404 Not Found\r\nCSeq: %s\r\n\r\n" % sequence[1])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        with socket.create_connection(listener.getsockname()) as plain:
            secured = ssl._create_unverified_context().wrap_socket(plain)
            shown = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
            secured.close()
        Certificates().trust(place, shown)
        with pytest.raises(AppError, match="404 Not Found"):
            open_source(f"rtsps://{place}/garden?channel=1", QUICK)
        thread.join(60)
    assert heard[0].startswith(b"OPTIONS rtsp://127.0.0.1:")
    assert b"/garden?channel=1 RTSP/1.0" in heard[0]


def test_the_command_line_trusts_and_forgets(signed: Signed, capsys: Capture) -> None:
    with Site(LIVE, signed.by_itself()) as site:
        url = site.url("/live.m3u8")
        assert run(capsys, "cameras", "--trust", url, "--fingerprint", "00" * 32)[0] == 1
        assert Certificates().trusted() == {}
        shown = json.loads(run(capsys, "cameras", "--trust", url, "--json", "-")[1])
        assert shown["trusted"] == site.place
        assert Certificates().trusted() == {site.place: shown["sha256"]}
        open_source(url, QUICK).close()
        assert run(capsys, "cameras", "--distrust", url)[0] == 0
        assert Certificates().trusted() == {}
        assert run(capsys, "cameras", "--fingerprint", "00" * 32)[0] == 2
    assert run(capsys, "cameras", "--trust", url)[0] == 1  # nobody answers any more


@pytest.mark.parametrize("typed", ["ab" * 32, "AB:" * 31 + "AB", "SHA256:" + "ab" * 32, " " + "AB " * 32])
def test_fingerprints_as_people_copy_them(typed: str) -> None:
    assert normalised(typed) == ":".join(["AB"] * 32)


@pytest.mark.parametrize("typed", ["", "ab" * 31, "zz" * 32])
def test_what_is_no_fingerprint(typed: str) -> None:
    with pytest.raises(AppError, match="no SHA-256"):
        normalised(typed)
