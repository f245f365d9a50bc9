"""A certificate for localhost that nobody has signed, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def for_localhost(folder: Path) -> tuple[str, str]:
    """The paths of a new certificate and of its key. A client trusts it if SSL_CERT_FILE names it."""
    certificate, key = folder / "localhost.pem", folder / "localhost.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return str(certificate), str(key)
