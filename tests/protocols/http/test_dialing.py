"""The real outside: loopback sockets, TLS with a certificate of our own."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.http.dialing import PlatformPorts
from evtorrent.protocols.http.errors import HttpConnectionError
from evtorrent.protocols.http.fetch import FetchOptions
from evtorrent.protocols.http.request import HttpRequest
from support.trackers import LocalTracker, run_until


@pytest.fixture
def multi() -> Iterator[Multi]:
    engine = Multi()
    yield engine
    engine.close()
    engine.platform.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


def fetch(multi: Multi, url: str, **options: object) -> HttpRequest:
    ports = PlatformPorts(multi.platform, options=options)
    request = HttpRequest(url, ports=ports, options=FetchOptions(completion_timeout=5.0))
    multi.add_handle(request)
    run_until(multi, lambda: request.is_done)
    return request


def test_plain(multi: Multi) -> None:
    with LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        request = HttpRequest(tracker.http_url)
        multi.add_handle(request)
        run_until(multi, lambda: request.is_done)
        assert request.error is None
        assert (request.result.body, request.result.address) == (b"hello", "127.0.0.1")


def test_a_name_is_resolved_and_its_addresses_raced(multi: Multi) -> None:
    with LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        request = fetch(multi, f"http://localhost:{tracker.http_port}/announce")
        assert request.error is None
        assert request.result.address == "127.0.0.1"


def test_refused(multi: Multi) -> None:
    with LocalTracker() as tracker:
        url = tracker.http_url
    request = fetch(multi, url)
    assert isinstance(request.error, HttpConnectionError)
    assert request.error.cause.operation == "connect"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_with_a_trusted_certificate(multi: Multi, certificate: Path, host: str) -> None:
    with LocalTracker(certificate=certificate) as tracker:
        tracker.http_answer = (200, b"secret")
        trusting = ssl.create_default_context(cafile=str(certificate))
        request = fetch(multi, f"https://{host}:{tracker.http_port}/announce", tls_context=trusting)
        assert request.error is None
        assert request.result.body == b"secret"


def test_tls_verifies_by_default(multi: Multi, certificate: Path) -> None:
    with LocalTracker(certificate=certificate) as tracker:
        request = fetch(multi, f"https://localhost:{tracker.http_port}/announce")
        assert isinstance(request.error, HttpConnectionError)
        assert "certificate" in str(request.error)
        assert tracker.requests == []
