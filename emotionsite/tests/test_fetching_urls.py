"""Reading addresses, the allow-list, and the check of certificates."""

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from emotionsite.fetching import REFUSALS, fetch, network, read_target
from emotionsite.problems import Refusal

from .local_servers import always, answer, serving


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "/photo.jpg",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http:example.org",
        "http://user@example.org/",
        "http://user:word@example.org/",
        "http://example.org@127.0.0.1/",
        "http://@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/a b",
        "http://example.org/\r\nX-Injected: 1",
        "http://example.org/\x00",
        "http://example.org/\ud800",
        "http://example.org:port/",
        "http://example.org:99999/",
        "http://example.org:-1/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.abc]/",
        "http://exa%6dple.org/",
        "http://a..b/",
        "http://.example.org/",
        "http://-example.org/",
        "http://<example>.org/",
        f"http://{'a' * 64}.org/",
        f"http://example.org/{'a' * 4000}",
    ],
)
def test_what_is_no_address_is_malformed(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_target(url)
    assert (caught.value.code, caught.value.status) == ("url_malformed", 400)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a?b=c#d", "https://example.org/a?b=c"),
        ("http://example.org:/", "http://example.org/"),
        ("http://bücher.example/ü?ö", "http://xn--bcher-kva.example/%C3%BC?%C3%B6"),
        ("https://s3.example.org/a%2Fb?X-Sig=a%2Bb%3D", "https://s3.example.org/a%2Fb?X-Sig=a%2Bb%3D"),
        ("http://[2606:4700:0::1]:8080/", "http://[2606:4700::1]:8080/"),
        ("http://my_bucket.example.org./", "http://my_bucket.example.org./"),
    ],
)
def test_addresses_are_read_in_one_spelling(url: str, read: str) -> None:
    assert read_target(url).url == read


@pytest.mark.parametrize("port", [1, 22, 25, 445, 3306, 5432, 6379, 7999])
def test_ports_of_other_services_are_refused_unless_the_host_is_allowed(
    settings: Settings, port: int
) -> None:
    for url in (f"http://intranet.example:{port}/", f"http://10.1.2.3:{port}/"):
        settings.URL_FETCH_ALLOW = []
        with pytest.raises(Refusal) as caught:
            read_target(url)
        assert caught.value.code == "url_not_allowed"
        settings.URL_FETCH_ALLOW = ["intranet.example", "10.0.0.0/8"]
        assert read_target(url).port == port


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "http://intranet.example", "a b", "*.example.org"])
def test_a_wrong_entry_of_the_allow_list_is_said_and_opens_nothing(settings: Settings, entry: str) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1", entry]
    with (
        serving(always(answer())) as server,
        pytest.raises(ImproperlyConfigured, match="URL_FETCH_ALLOW"),
    ):
        fetch(server.url, max_bytes=10)
    assert server.requests == []


def test_every_refusal_says_what_to_do_next() -> None:
    for status, sentence in REFUSALS.values():
        assert 400 <= status < 500
        assert sentence.endswith(".")
        assert any(word in sentence for word in ("Send", "Use", "Check", "Try", "Make"))


# --- Certificates -----------------------------------------------------------------------------------
def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for `name`, signed by `issuer`, or an authority that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


@pytest.fixture()
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's TLS for the name photos.example.org, by an authority that the fetcher trusts."""
    authority = _certificate("Authority of the tests", None)
    certificate, key = _certificate("photos.example.org", authority)
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    own = tmp_path / "server.pem"
    own.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    network.tls_context.cache_clear()
    yield context
    network.tls_context.cache_clear()


def _everything_is_here(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    from ipaddress import ip_address

    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    monkeypatch.setattr(network, "look_up", lambda host, port: [ip_address("127.0.0.1")])


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    _everything_is_here(monkeypatch, settings)
    with serving(always(answer(b"safe")), context=server_tls) as server:
        assert fetch(f"https://photos.example.org:{server.port}/", max_bytes=10).content == b"safe"
        with pytest.raises(Refusal) as caught:
            fetch(f"https://other.example.org:{server.port}/", max_bytes=10)
    assert caught.value.code == "url_unreachable"
    assert "certificate" in caught.value.message
    assert len(server.requests) == 1


def test_an_authority_that_is_not_trusted_is_refused(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    _everything_is_here(monkeypatch, settings)
    monkeypatch.delenv("SSL_CERT_FILE")
    network.tls_context.cache_clear()
    with serving(always(answer(b"safe")), context=server_tls) as server, pytest.raises(Refusal) as caught:
        fetch(f"https://photos.example.org:{server.port}/", max_bytes=10)
    assert caught.value.code == "url_unreachable"
    assert server.requests == []


def test_a_redirect_from_https_to_http_is_refused(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    _everything_is_here(monkeypatch, settings)
    with serving(always(answer(b"open"))) as plain:
        leads = answer(status="302 Found", headers={"Location": f"http://photos.example.org:{plain.port}/"})
        with serving(always(leads), context=server_tls) as server, pytest.raises(Refusal) as caught:
            fetch(f"https://photos.example.org:{server.port}/", max_bytes=10)
    assert caught.value.code == "url_not_allowed"
    assert (len(server.requests), plain.requests) == (1, [])
