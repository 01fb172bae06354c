"""Small servers on loopback that really misbehave, and a certificate authority to dress them with."""

import contextlib
import datetime as dt
import ipaddress
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seatrial.outcome import Level
from seatrial.scope import Credential, Meter, Scope, close_clients

HOST = "api.example.test"

Handler = Callable[[socket.socket], None]
Serve = Callable[..., "Server"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Certificate = tuple[x509.Certificate, Key]


@dataclass
class Server:
    """Where a server listens and how many connections it took."""

    address: str
    port: int
    connections: int = 0


@dataclass
class Authority:
    """A root and an intermediate; `context` builds a server's TLS context with a fault of choice."""

    folder: Path
    root: Certificate = field(init=False)
    intermediate: Certificate = field(init=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.root = _issue("Test root", None, ca=True)
        self.intermediate = _issue("Test intermediate", self.root, ca=True)

    @property
    def ca(self) -> Path:
        path = self.folder / "root.crt"
        path.write_bytes(_pem(self.root[0]))
        return path

    def context(
        self,
        names: tuple[str, ...] = (HOST,),
        *,
        days: float = 30,
        self_signed: bool = False,
        with_intermediate: bool = True,
        intermediate_days: float | None = None,
        key: Key | None = None,
    ) -> ssl.SSLContext:
        above = self.intermediate
        if intermediate_days is not None:
            above = _issue("Test intermediate", self.root, ca=True, days=intermediate_days, key=above[1])
        leaf = _issue(names[0], None if self_signed else above, names=names, days=days, key=key)
        chain = [leaf[0]] if self_signed or not with_intermediate else [leaf[0], above[0]]
        stem = self.folder / f"leaf-{next(self._numbers)}"
        stem.with_suffix(".crt").write_bytes(b"".join(map(_pem, chain)))
        private = leaf[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        stem.with_suffix(".key").write_bytes(private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if key is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL refuses to load a key that is too small
        context.load_cert_chain(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        return context


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _issue(
    common_name: str,
    issuer: Certificate | None,
    *,
    names: tuple[str, ...] = (),
    days: float = 30,
    ca: bool = False,
    key: Key | None = None,
) -> Certificate:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer: tuple[x509.Certificate | None, Key] = issuer or (None, key)
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer[0] else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - dt.timedelta(days=60))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer[1].public_key()), critical=False)
    )
    if names:
        alternatives = [_general(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer[1], hashes.SHA256()), key


def _usage(*, ca: bool) -> x509.KeyUsage:
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    others = dict.fromkeys((*rest, "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **others)


def _general(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Run `handler(connection)` for each connection, under TLS with a context; everything ends with the test."""
    ends: list[Callable[[], None]] = []

    def start(handler: Handler, context: ssl.SSLContext | None = None) -> Server:
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(*listener.getsockname())
        open_now: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def talk(plain: socket.socket) -> None:
            with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
                stack.enter_context(plain)
                secure = context.wrap_socket(plain, server_side=True) if context else plain
                stack.enter_context(secure)
                handler(secure)

        def accept() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                open_now.append(plain)
                threads.append(threading.Thread(target=talk, args=(plain,)))
                threads[-1].start()

        def end() -> None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            accepting.join()
            for plain in open_now:
                with contextlib.suppress(OSError):
                    plain.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()

        accepting = threading.Thread(target=accept)
        accepting.start()
        ends.append(end)
        return server

    yield start
    for end in ends:
        end()


def read_head(connection: socket.socket) -> bytes:
    """Read a request up to the blank line, and its body if it declares one."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(*answers: bytes, heard: list[bytes] | None = None) -> Handler:
    """Answer the requests of one connection with these bytes in turn, then close it."""

    def handle(connection: socket.socket) -> None:
        for answer in answers:
            request = read_head(connection)
            if heard is not None:
                heard.append(request)
            connection.sendall(answer)

    return handle


def silent(connection: socket.socket) -> None:
    """Take everything and never answer."""
    while connection.recv(65536):
        pass


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no name resolve, whatever the network's own server of names would say."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@dataclass(frozen=True)
class Places:
    """The parts of a profile that facets read."""

    urls: dict[str, str] = field(default_factory=dict)
    resolve: dict[str, str] = field(default_factory=dict)
    ca: Path | None = None
    postgres: object = None
    redis: object = None
    s3: object = None
    dns: object = None
    cloud: object = None
    external: object = None
    platform_socket: Path | None = None
    platform_command: tuple[str, ...] = ()
    state: Path | None = None
    tree: Path = Path()
    secret_files: tuple[Path, ...] = ()
    name: str = "test"


@pytest.fixture
def scope() -> Iterator[Callable[..., Scope]]:
    """Build a scope over some places; what it opened is closed with the test."""
    made: list[Scope] = []

    def build(level: Level = Level.OBSERVE, *, undo: Callable[..., None] | None = None, **places: object) -> Scope:
        made.append(
            Scope(
                profile=Places(**places),  # type: ignore[arg-type]
                level=level,
                credentials=lambda _: Credential("user", "pass"),
                meter=Meter(),
                undo=undo or (lambda *_: None),
                clients={},
                secret=lambda reference: reference,
            )
        )
        return made[-1]

    yield build
    for each in made:
        close_clients(each.clients)
