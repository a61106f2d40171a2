"""Whose certificates are believed when a server proves who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def verifying_context() -> ssl.SSLContext:
    """Returns a context that checks certificates against the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    A packaged program's OpenSSL looks for the system's where they are on the computer it was made on.
    """
    context = ssl.create_default_context()
    known = ssl.get_default_verify_paths()
    if known.cafile is None and (known.capath is None or not any(Path(known.capath).iterdir())):
        for bundle in BUNDLES:
            if Path(bundle).is_file():
                context.load_verify_locations(bundle)
                break
    return context
