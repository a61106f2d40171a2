"""Which servers are believed to be who they say: by the system's certificates, or because the user trusts one camera.

A camera signs its certificate itself, so no system knows it. The user may trust one, for one address: the SHA-256 of
that certificate is remembered, and from then on the address must show exactly this one.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass

from app.core.addresses import host_and_port
from app.core.errors import AppError
from app.core.files.json_store import JsonStore
from app.core.paths import trusted_certificates_file
from detector.errors import Remedy
from detector.system_certificates import verifying_context

_FINGERPRINT = re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}")


class UntrustedCertificateError(AppError):
    """A server's certificate is not believed.

    Attributes:
        place: "host:port", what trust is remembered under.
        fingerprint: SHA-256 of the certificate it shows, or "" where that could not be read.
        replaces_trusted: Whether another one of this place is trusted.
    """

    def __init__(
        self, message: str, hint: str, place: str, fingerprint: str, *remedies: Remedy, replaces_trusted: bool = False
    ) -> None:
        super().__init__(message, hint, *remedies)
        self.place = place
        self.fingerprint = fingerprint
        self.replaces_trusted = replaces_trusted


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """The certificate that a server shows.

    Attributes:
        place: "host:port".
        fingerprint: SHA-256, as "AB:CD:…".
        verified: Whether the system vouches for it.
        reason: Why it does not; "" where it does.
    """

    place: str
    fingerprint: str
    verified: bool
    reason: str


class Certificates:
    """Checks servers' certificates against the system's, and those that the user trusts. Any thread."""

    def __init__(self) -> None:
        self._store = JsonStore(trusted_certificates_file())

    def trusted(self) -> dict[str, str]:
        """Returns the fingerprints that the user trusts, by "host:port"."""
        return {
            place: fingerprint
            for place, fingerprint in self._store.read().items()
            if isinstance(fingerprint, str) and _FINGERPRINT.fullmatch(fingerprint)
        }

    def trust(self, place: str, fingerprint: str) -> None:
        """Remember that ``place`` is to show the certificate of that fingerprint, and no other.

        Raises:
            AppError: It is no SHA-256, or cannot be remembered.
        """
        given = normalised(fingerprint)
        self._store.update(lambda known: {**known, place: given})

    def forget(self, place: str) -> bool:
        """Trust ``place`` no longer than the system does; returns whether it was trusted.

        Raises:
            AppError: That cannot be remembered.
        """
        known = place in self._store.read()
        if known:
            self._store.update(lambda trusted: {other: trusted[other] for other in trusted if other != place})
        return known

    def secure(self, connected: socket.socket, host: str, port: int) -> ssl.SSLSocket:
        """Returns the same connection, encrypted, once the other side has proved to be ``host``.

        Raises:
            UntrustedCertificateError: It has not.
            OSError: The connection failed.
        """
        place = place_of(host, port)
        expected = self.trusted().get(place)
        if expected is None:
            try:
                return verifying_context().wrap_socket(connected, server_hostname=host)
            except ssl.SSLCertVerificationError as error:
                raise self._untrusted(place, host, port, _reason(error)) from None
        secured = _unverifying_context().wrap_socket(connected, server_hostname=host)
        shown = _fingerprint(secured)
        if shown != expected:
            secured.close()
            raise UntrustedCertificateError(
                f"{place} shows another certificate than the one that is trusted.",
                f"Unless the camera was reset, somebody may be in between. It shows {shown}.",
                place,
                shown,
                Remedy("trust", place, command="cameras"),
                replaces_trusted=True,
            )
        return secured

    def look(self, address: str, timeout_s: float = 10.0) -> ShownCertificate:
        """Returns the certificate that the server at ``address`` shows, believed or not.

        Args:
            address: https:// or rtsps://, or "host:port".
            timeout_s: For the connection.

        Raises:
            AppError: Nobody answers there, or without encryption.
        """
        try:
            host, port = host_and_port(address if "://" in address else f"https://{address}")
            reason = _check(host, port, timeout_s)
            with _connected(host, port, timeout_s, _unverifying_context()) as secured:
                return ShownCertificate(place_of(host, port), _fingerprint(secured), not reason, reason)
        except ValueError as error:
            raise AppError(
                "This is no address of a server.", "Write https://HOST, rtsps://HOST or HOST:PORT."
            ) from error
        except OSError as error:
            place = place_of(host, port)
            raise AppError(
                f"{place} shows no certificate: {error.strerror or 'no answer in time'}.",
                "Check the address and the port, and that it is encrypted (https or rtsps).",
            ) from error

    def _untrusted(self, place: str, host: str, port: int, reason: str) -> UntrustedCertificateError:
        try:
            with _connected(host, port, 5.0, _unverifying_context()) as secured:
                shown = _fingerprint(secured)
        except OSError:
            shown = ""
        hint = "If this is your own camera, trust its certificate"
        hint += f"; its SHA-256 is {shown}." if shown else "."
        return UntrustedCertificateError(
            f"{place} has a certificate that is not trusted: {reason}.",
            hint,
            place,
            shown,
            Remedy("trust", place, command="cameras"),
        )


def place_of(host: str, port: int) -> str:
    """Returns "host:port", with the brackets of an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host.lower()}:{port}"


def normalised(fingerprint: str) -> str:
    """Returns a SHA-256 as "AB:CD:…", however it was typed.

    Raises:
        AppError: It is none.
    """
    digits = re.sub(r"^sha-?256[:= ]+|[:\s-]", "", fingerprint.strip(), flags=re.IGNORECASE).upper()
    if not re.fullmatch("[0-9A-F]{64}", digits):
        raise AppError("This is no SHA-256 fingerprint.", "It has 64 digits from 0 to 9 and A to F.")
    return ":".join(digits[at : at + 2] for at in range(0, 64, 2))


def _connected(host: str, port: int, timeout_s: float, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((host, port), timeout_s)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _check(host: str, port: int, timeout_s: float) -> str:
    """Returns why the system does not vouch for the server; "" where it does."""
    try:
        _connected(host, port, timeout_s, verifying_context()).close()
    except ssl.SSLCertVerificationError as error:
        return _reason(error)
    return ""


def _reason(error: ssl.SSLCertVerificationError) -> str:
    return (error.verify_message or "it cannot be verified").rstrip(".")


def _unverifying_context() -> ssl.SSLContext:
    """Returns a context for looking at a certificate: callers compare the fingerprint before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(secured: ssl.SSLSocket) -> str:
    content = secured.getpeercert(binary_form=True)
    if content is None:
        raise OSError("no certificate")
    return normalised(hashlib.sha256(content).hexdigest())
