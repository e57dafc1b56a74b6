"""Certificates that tests make: a CA of their own, and what it signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests' CA")])

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key and the CA that signed it, each as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    def write(self, folder: Path, *names: str) -> Path:
        """Write the files that a Secret would have, or only those of some names."""
        files = {"tls.crt": self.certificate, "tls.key": self.key, "ca.crt": self.authority}
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or tuple(files):
            (folder / name).write_bytes(files[name])
        return folder


@dataclass(frozen=True)
class Authority:
    """A CA."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def sign(self, *dns_names: str, addresses: Sequence[str] = (), valid: timedelta = timedelta(days=1)) -> Certificate:
        """Sign a certificate for names and addresses; one of a negative time has expired already."""
        names = [x509.DNSName(name) for name in dns_names]
        hosts = [*names, *(x509.IPAddress(ip_address(address)) for address in addresses)]
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begin(x509.Name([]), key, valid)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return Certificate(certificate.public_bytes(PEM), private, self.certificate.public_bytes(PEM))


def found_authority() -> Authority:
    """Found a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    builder = _begin(ISSUER, key, timedelta(days=2)).add_extension(constraints, critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def sign(*dns_names: str, valid: timedelta = timedelta(days=1)) -> Certificate:
    """Sign a certificate for some names by a CA that signs no other."""
    return found_authority().sign(*dns_names, valid=valid)


def _begin(subject: x509.Name, key: ec.EllipticCurvePrivateKey, valid: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ISSUER)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + valid)
    )
