"""A certificate authority of the test's own, and its certificate for WhatsApp's hosts, or others."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "web.whatsapp.com"
# Where files are.
MEDIA_HOST = "mmg.whatsapp.net"
_AUTHORITY = "stand-in for tests"


def write_certificates(authority: Path, leaf: Path, hosts: Sequence[str] = (HOST, MEDIA_HOST)) -> None:
    """Write the authority's certificate to one file, and the hosts' with its key to another, both as PEM."""
    signer, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    root = _builder(_AUTHORITY, signer).add_extension(constraints, critical=True).sign(signer, SHA256())
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    host = _builder(hosts[0], own).add_extension(names, critical=False).sign(signer, SHA256())
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    authority.write_bytes(root.public_bytes(Encoding.PEM))
    leaf.write_bytes(host.public_bytes(Encoding.PEM) + key)


def _builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid by the real clock
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(_AUTHORITY))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
