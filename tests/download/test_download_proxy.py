"""Downloads by way of a proxy, plain and encrypted; whose certificate is believed."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.download import FetchedFile, NetworkOptions, fetch
from detector.errors import DetectorError
from detector.spec import WeightsFile
from tests.support.file_server import FileServer, ProxyServer, redirect

CONTENT = bytes(range(256)) * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
_VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    with ProxyServer() as running:
        yield running


def _fetch(server: FileServer, folder: Path, proxy: str = "") -> FetchedFile:
    weights = WeightsFile(f"{server.address}/net.pth", SHA, 0)
    return fetch(weights, folder / "net.pth", options=NetworkOptions(proxy=proxy, stall_s=5.0))


@pytest.mark.parametrize("written", ["http://127.0.0.1:PORT", "127.0.0.1:PORT", " http://127.0.0.1:PORT/ "])
def test_the_proxy_that_is_set_is_used(server: FileServer, proxy: ProxyServer, tmp_path: Path, written: str) -> None:
    assert _fetch(server, tmp_path, written.replace("PORT", str(proxy.port))).verified == "full"
    assert proxy.asked == [f"GET {server.address}/net.pth"]
    assert server.requests[0][1]["Host"] == server.address.removeprefix("http://")


def test_the_proxy_of_the_environment_is_used_unless_another_is_set(
    server: FileServer, proxy: ProxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    _fetch(server, tmp_path / "a")
    assert len(proxy.asked) == 1
    with ProxyServer() as other:
        _fetch(server, tmp_path / "b", f"http://127.0.0.1:{other.port}")
        assert (len(proxy.asked), len(other.asked)) == (1, 1)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    _fetch(server, tmp_path / "c")
    assert len(proxy.asked) == 1


def test_a_proxy_may_want_a_password_which_no_message_repeats(
    server: FileServer, proxy: ProxyServer, tmp_path: Path
) -> None:
    proxy.wants = "Basic bWU6cEBzcw=="
    address = f"http://me:p%40ss@localhost:{proxy.port}"
    assert _fetch(server, tmp_path / "a", address).verified == "full"
    proxy.wants = "Basic other"
    with pytest.raises(DetectorError) as caught:
        _fetch(server, tmp_path / "b", address)
    assert "The proxy localhost wants a user name and password (407)" in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    assert not (tmp_path / "b" / "net.pth").exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("socks5://127.0.0.1:1080", "not supported"),
        ("https://127.0.0.1:1080", "not supported"),
        ("http://", "no usable address"),
        ("http://h:99999", "no usable address"),
        ("http://.com:80", "no usable address"),
        ("http://me:\udcff@h", "no usable address"),
        ("http://nowhere.invalid:3128", "The proxy nowhere.invalid is not found"),
        ("http://127.0.0.1:1", "The proxy 127.0.0.1 refuses"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(server: FileServer, tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(DetectorError) as caught:
        _fetch(server, tmp_path, address)
    assert said in caught.value.message
    assert caught.value.hint
    assert server.requests == []


# -- encrypted -----------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for 127.0.0.1 and its key, believed by this process."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command, which is not installed")
    files = tmp_path / "tls.pem", tmp_path / "tls.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made = subprocess.run(
        [*command, *subject, "-out", str(files[0]), "-keyout", str(files[1])], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    return files[0]


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[FileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with FileServer(CONTENT, context) as running:
        yield running


def test_an_encrypted_server_is_fetched_from(encrypted: FileServer, tmp_path: Path) -> None:
    assert _fetch(encrypted, tmp_path).verified == "full"


def test_an_encrypted_server_is_reached_through_a_proxy(
    encrypted: FileServer, proxy: ProxyServer, tmp_path: Path
) -> None:
    proxy.wants = "Basic YTpi"
    assert _fetch(encrypted, tmp_path, f"http://a:b@127.0.0.1:{proxy.port}").verified == "full"
    assert proxy.asked == [f"CONNECT {encrypted.address.removeprefix('https://')}"]
    assert "Proxy-Authorization" not in encrypted.requests[0][1]
    with pytest.raises(DetectorError, match=r"user name and password \(407\)"):
        _fetch(encrypted, tmp_path / "b", f"http://127.0.0.1:{proxy.port}")


def test_a_server_that_cannot_prove_its_name_is_refused(
    encrypted: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DetectorError, match=r"cannot prove that it is 127\.0\.0\.1"):
        _fetch(encrypted, tmp_path)
    assert encrypted.requests == []


def test_a_packaged_program_finds_the_certificates_of_the_system(
    encrypted: FileServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    nowhere = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")  # type: ignore[arg-type]  # as Python itself gives them where there are none
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr("detector.system_certificates.BUNDLES", ("/nowhere/x.pem", str(certificate)))
    assert _fetch(encrypted, tmp_path).verified == "full"


def test_encryption_is_not_given_up_by_a_redirect(encrypted: FileServer, server: FileServer, tmp_path: Path) -> None:
    encrypted.answers.append(redirect(f"{server.address}/net.pth"))
    with pytest.raises(DetectorError, match="without encryption"):
        _fetch(encrypted, tmp_path)
    assert server.requests == []


def test_a_server_that_does_not_encrypt_is_told(server: FileServer, certificate: Path, tmp_path: Path) -> None:
    weights = WeightsFile(server.address.replace("http:", "https:") + "/net.pth", SHA, 0)
    with pytest.raises(DetectorError, match="does not speak TLS"):
        fetch(weights, tmp_path / "net.pth")
