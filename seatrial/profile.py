"""Read a profile: the TOML file that describes one environment.

Every problem is reported at once, each with file, line and, where a key was probably mistyped, the key that was meant.
A secret is never written into a profile; it is named by reference and read when it is needed:
`env:NAME`, `file:PATH` (relative to the profile) or `sops:PATH#KEY`.
"""

import difflib
import hashlib
import os
import shlex
import tomllib
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, ValidationError, model_validator

from seatrial.declared import CloudSection, External
from seatrial.errors import HarnessError, ProfileError
from seatrial.outcome import Level
from seatrial.profile_problems import problems
from seatrial.profile_types import REFERENCE, Address, BaseUrl, Impact, Place, Reason, SecretRef, Section
from seatrial.secrecy.references import Reference, read

FEWEST_SENTINELS = 3


class Expect(Section):
    """What a verdict asks for.

    Attributes:
        level: checks up to this level are required.
        release: the release id every instance must run, or "platform" for what the platform calls current.
        not_applicable: check id -> why this environment does not need it.
    """

    level: Impact = Level.OBSERVE
    release: str = "platform"
    not_applicable: dict[str, Reason] = Field(default_factory=dict)


class Service(Section):
    """One deployed service and the private addresses of its instances, as far as the harness can reach them."""

    instances: dict[str, str] = Field(default_factory=dict)
    live: str = "/livez"
    ready: str = "/readyz"
    version: str = "/version"


class Door(Section):
    """Another server behind the same place, such as a standby or a Sentinel; `address` overrides what `host` resolves to."""

    host: str
    port: int = Field(ge=1, le=65535)
    address: Address | None = None


class PostgresPooler(Door):
    """The pooler between the services and the database; `mode` is its word: session, transaction or statement."""

    mode: str


class PostgresEndpoint(Section):
    """Where the database answers.

    Attributes:
        address: overrides what `host` resolves to.
        pooler: what the services go through; absent where they connect directly.
        standbys: application name under which it replicates -> where it answers.
    """

    host: str
    port: int = Field(ge=1, le=65535)
    database: str
    ca: Path
    address: Address | None = None
    pooler: PostgresPooler | None = None
    standbys: dict[str, Door] = Field(default_factory=dict)


class RedisEndpoint(Section):
    """Where Redis or Valkey answers, which is where the primary is as shipped.

    Attributes:
        replicas: name -> where a server answers that may become the primary.
        sentinels: name -> who knows which server is the primary; without any it never changes its address.
    """

    host: str
    port: int = Field(ge=1, le=65535)
    tls: bool = True
    ca: Path | None = None
    address: Address | None = None
    replicas: dict[str, Door] = Field(default_factory=dict)
    sentinels: dict[str, Door] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sentinels_watch_replicas(self) -> "RedisEndpoint":
        if bool(self.replicas) != bool(self.sentinels):
            raise ValueError("replicas and sentinels go together: one without the other makes no failover")
        if self.sentinels and len(self.sentinels) < FEWEST_SENTINELS:
            raise ValueError(f"{len(self.sentinels)} sentinels: without a third one, no two of them outvote a lost one")
        return self


class S3Endpoint(Section):
    """Where the object store answers; `buckets` maps a role (staging, masters, ...) to a bucket's name."""

    endpoint: BaseUrl
    region: str
    buckets: dict[str, str]


class DnsSection(Section):
    """What the names of the public hosts must say.

    Attributes:
        addresses: host -> the addresses that its A and AAAA records come to, aliases followed.
        aliases: host -> the name that it must lead to, where the addresses behind that are another company's.
        server: "address:port" of the name server to ask, the machine's own resolvers without one.
        longest_ttl_s: how long an answer may be kept at most, since that is how long a change takes.
        caa: the CAA records in force for every host, as texts ('0 issue "letsencrypt.org"'); not asked when left out.
    """

    addresses: dict[str, tuple[Address, ...]] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)
    server: Place | None = None
    longest_ttl_s: int = Field(default=3600, ge=0)
    caa: tuple[str, ...] | None = None

    @property
    def server_place(self) -> tuple[str, int] | None:
        """The name server's address and port."""
        if self.server is None:
            return None
        address, _, port = self.server.rpartition(":")
        return address, int(port)


class MonitoringSection(Section):
    """Where the monitoring answers, in private.

    Attributes:
        prometheus: "address:port" of Prometheus' API.
        alertmanager: "address:port" of Alertmanager's API.
        pager: "address:port" where what was sent to people can be read.
        traces: "address:port" of the collector of spans, where a trace can be asked for.
    """

    prometheus: Place
    alertmanager: Place
    pager: Place
    traces: Place


class PlatformSection(Section):
    """What runs the environment.

    Attributes:
        command: program that serves the control interface; `up`, `down` and `status` are appended.
        socket: the control interface's unix socket.
        state: folder that lives and dies with the environment; the undo log stands in it.
        disposable: the environment may be broken by `seatrial prove` without `--arm`.
    """

    command: tuple[str, ...] = Field(min_length=1)
    socket: Path
    state: Path
    disposable: bool = False


class VerdictSection(Section):
    """How verdicts are signed; `key` leads to 32 random bytes in base64url, a private Ed25519 key."""

    key: SecretRef


class CredentialSection(Section):
    """A user and the reference to its password."""

    user: str
    password: SecretRef


class Account(Section):
    """A sign-in for `exercise` checks; each parallel worker takes its own."""

    email: str
    password: SecretRef


class Profile(Section):
    """One environment. Paths are absolute once read; units stand in the names."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    max_impact: Impact
    urls: dict[str, BaseUrl]
    resolve: dict[str, Address] = Field(default_factory=dict)
    ca: Path | None = None
    tree: Path = Path()
    expect: Expect = Expect()
    targets: dict[str, float | int | str | list[str]] = Field(default_factory=dict)
    services: dict[str, Service] = Field(default_factory=dict)
    postgres: PostgresEndpoint | None = None
    redis: RedisEndpoint | None = None
    s3: S3Endpoint | None = None
    cloud: CloudSection | None = None
    external: dict[str, External] = Field(default_factory=dict)
    dns: DnsSection | None = None
    monitoring: MonitoringSection | None = None
    platform: PlatformSection | None = None
    verdict: VerdictSection | None = None
    credentials: dict[
        Annotated[str, AfterValidator(lambda name: str(Level.parse(name)))], dict[str, CredentialSection]
    ] = Field(default_factory=dict)
    accounts: tuple[Account, ...] = ()
    path: Path
    _readable: Level = PrivateAttr(Level.DESTROY)
    _digest: str = PrivateAttr("")

    @model_validator(mode="after")
    def _no_credential_above_the_grant(self) -> "Profile":
        above = [name for name in self.credentials if Level.parse(name) > self.max_impact]
        if above:
            raise ValueError(
                f"credentials.{above[0]} is above max_impact {self.max_impact}: a profile holds no credential for a level it does not grant"
            )
        if self.accounts and self.max_impact < Level.EXERCISE:
            raise ValueError(f"accounts are for exercise, which is above max_impact {self.max_impact}")
        if self.expect.level > self.max_impact:
            raise ValueError(f"expect.level {self.expect.level} is above max_impact {self.max_impact}")
        return self

    @model_validator(mode="after")
    def _every_external_key_has_its_credential(self) -> "Profile":
        usable = {name for level in ("observe", "exercise") for name in self.credentials.get(level, {})}
        for name, external in self.external.items():
            if external.credential not in usable:
                raise ValueError(
                    f"external.{name}: no credential {external.credential!r} in [credentials.observe] or [credentials.exercise]"
                )
        return self

    @property
    def option(self) -> str:
        """What names this profile on a command line that is typed here."""
        shipped = Path("profiles", f"{self.name}.toml").resolve() == self.path
        return f"--profile {self.name if shipped else shlex.quote(near(self.path))}"

    @property
    def platform_socket(self) -> Path | None:
        """The control interface's socket, if the profile names a platform."""
        return self.platform.socket if self.platform else None

    @property
    def platform_command(self) -> tuple[str, ...]:
        """The program that starts and stops the environment, to which `up` or `down` is appended; empty where it is not ours."""
        return self.platform.command if self.platform else ()

    @property
    def state(self) -> Path | None:
        """The folder that lives and dies with the environment, if the profile names a platform."""
        return self.platform.state if self.platform else None

    def references(self, level: Level = Level.DESTROY, *, users: bool = True) -> tuple[Reference, ...]:
        """Return every reference that a level may read, each once; without `users` those to passwords and keys alone."""
        texts = [account.password for account in self.accounts] if level >= Level.EXERCISE else []
        for name, sections in self.credentials.items():
            if Level.parse(name) <= level:
                texts += [section.password for section in sections.values()]
                texts += [section.user for section in sections.values() if users]
        return tuple(Reference.parse(text) for text in dict.fromkeys(texts) if REFERENCE.match(text))

    @property
    def every_reference(self) -> tuple[Reference, ...]:
        """Every reference there is: what checks may read, and the key that signs verdicts, which no check does."""
        key = (Reference.parse(self.verdict.key),) if self.verdict else ()
        return tuple(dict.fromkeys((*self.references(), *key)))

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The plain files that references name, on this machine."""
        return tuple(self.path.parent / each.place for each in self.every_reference if each.kind == "file")

    @property
    def digest(self) -> str:
        """The sha256 of what was read, in hexadecimal: the file may be another one by now."""
        return self._digest

    def readable_at(self, level: Level) -> "Profile":
        """Return the same profile, by which no secret above that level can be read, nor by what is made of it."""
        limited = self.model_copy()
        limited._readable = min(level, self._readable)  # noqa: SLF001 - of our own kind
        return limited

    def secret(self, reference: str) -> str:
        """Return the value behind a reference of this profile; raises ProfileError naming the reference, never the value.

        Raises HarnessError for one that the profile does not have, or has for a higher level than is readable.
        """
        wanted = Reference.parse(reference)
        if wanted not in self.references(self._readable):
            raise HarnessError(f"secret {reference} is not one of this profile's up to {self._readable}")
        return read(wanted, self.path)


def load(path: Path) -> Profile:
    """Read and validate the profile at `path`; raises ProfileError with every problem at once."""
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        raise ProfileError(f"{path}: cannot read the profile: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not TOML: not UTF-8 at byte {error.start}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: not TOML: {error}") from None
    try:
        profile = Profile.model_validate({**data, "path": path.resolve()})
    except ValidationError as error:
        raise ProfileError("\n".join(problems(path, text, error, Profile))) from None
    profile._digest = hashlib.sha256(content).hexdigest()  # noqa: SLF001 - of our own kind
    return _absolute(profile)


def find(name: str | None) -> Path:
    """Return the profile file for a name or path; without one, `SEATRIAL_PROFILE`, else `local`."""
    wanted = name or os.environ.get("SEATRIAL_PROFILE") or "local"
    path = Path(wanted)
    if path.suffix == ".toml" or "/" in wanted:
        return path
    known = sorted(file.stem for file in Path("profiles").glob("*.toml"))
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ProfileError(f"no profile {wanted!r} in profiles/ (there are: {', '.join(known) or 'none'}){hint}")
    return Path("profiles") / f"{wanted}.toml"


def near(path: Path) -> str:
    """Return a path as one would type it here: relative to the current folder if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _absolute(profile: Profile) -> Profile:
    base = profile.path.parent

    def rooted(value: Any) -> Any:
        if isinstance(value, Path):
            return (base / value).resolve()
        if isinstance(value, dict):
            return {name: rooted(each) for name, each in value.items()}
        if isinstance(value, BaseModel):
            return value.model_copy(update={name: rooted(each) for name, each in value})
        return value

    return cast(Profile, rooted(profile))
