"""Offers to trust the certificate that a camera signed itself, with the fingerprint in sight. GUI thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.core.errors import ExplainedError
from app.ui.services.services import Services
from app.ui.widgets.ask import confirmed

if TYPE_CHECKING:  # it brings the modules of encryption
    from app.core.media.certificates import UntrustedCertificateError


def in_groups(fingerprint: str) -> str:
    """Returns "AB:CD:…" in words of eight bytes: lines break between words only, and none of it may be out of sight."""
    parts = fingerprint.split(":")
    return " ".join(":".join(parts[at : at + 8]) for at in range(0, len(parts), 8))


class TrustOffer(QObject):
    """Puts a button on the message that a certificate is not trusted; comes after the presenter, which tells it.

    Args:
        services: The controller says what failed; the banner is told.
        parent: Over which questions are asked; owns this object.
    """

    trusted = Signal()
    """The certificate is trusted now: the source can be opened again."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._banner, self._background, self._parent = services.banner, services.background, parent
        services.controller.source_failed.connect(self._look)

    def _look(self, error: ExplainedError) -> None:
        from app.core.media.certificates import UntrustedCertificateError  # loaded, if it is one

        if not isinstance(error, UntrustedCertificateError) or not error.fingerprint:
            return
        words = "Trust the new certificate…" if error.replaces_trusted else "Trust this camera"
        hint = f"Compare with the camera's own page. SHA-256 {in_groups(error.fingerprint)}"
        self._banner.tell("error", error.message, hint, topic="source", action=(words, partial(self._trust, error)))

    def _trust(self, error: UntrustedCertificateError) -> None:
        if error.replaces_trusted and not confirmed(
            self._parent,
            f"Trust the new certificate of {error.place}?",
            "Another one is trusted so far. Unless the camera was reset or replaced, somebody may be in between.\n\n"
            f"SHA-256 {in_groups(error.fingerprint)}",
            yes="Trust it",
            no="Do not trust it",
        ):
            return

        def remember() -> None:
            from app.core.media.certificates import Certificates

            Certificates().trust(error.place, error.fingerprint)

        self._background.run("trust", remember, self._remembered, self._failed)

    def _remembered(self, _nothing: None) -> None:
        self.trusted.emit()

    def _failed(self, error: ExplainedError) -> None:
        self._banner.tell_error(error, topic="source")
