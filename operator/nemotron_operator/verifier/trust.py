"""Which certificates a server may show: those in the directory that the Job mounts."""

import ssl
from pathlib import Path

from nemotron_operator.verifier.errors import RefusedError

AUTHORITY, CERTIFICATE = "ca.crt", "tls.crt"
"""Files of a Secret with a certificate: the CA's, which not every Secret has, and the server's own."""


def trust_certificates(directory: Path | None) -> ssl.SSLContext | None:
    """Trust the CA of a directory, or the very certificate where there is none; None trusts the public CAs.

    Raises
    ------
    RefusedError
        The directory has no certificate.

    Notes
    -----
    A certificate may stand for itself (`VERIFY_X509_PARTIAL_CHAIN`), whoever signed it: it is the one that the platform
    gave the engine. Name and dates are checked in any case. What Python 3.13 checks beside (`VERIFY_X509_STRICT`) would
    refuse certificates that clients take.
    """
    if directory is None:
        return None
    file = next((directory / name for name in (AUTHORITY, CERTIFICATE) if (directory / name).is_file()), None)
    if file is None:
        raise RefusedError(
            f"{directory} has neither {AUTHORITY} nor {CERTIFICATE}: the Secret of spec.tls lacks the certificate."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise RefusedError(
            f"{file} is no certificate (PEM): {error.reason}. Correct the Secret of spec.tls."
        ) from error
    return context
