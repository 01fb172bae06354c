"""One environment as one process sees it: what is granted, the credentials for it, the undo log, and the lock.

Credentials above the granted level are never read, and environment variables that hold them are removed, so that a check
cannot find them in its own process.
"""

import contextlib
import ctypes
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.errors import HarnessError, ProfileError, UsageError
from seatrial.inverses import invert
from seatrial.lock import held
from seatrial.outcome import Level
from seatrial.profile import Profile
from seatrial.profile_types import REFERENCE
from seatrial.scope import Credential, Meter, Scope
from seatrial.secrecy.redaction import Redactor
from seatrial.secrecy.references import Reference, read
from seatrial.strikes import shielded
from seatrial.undo import Entry, UndoLog

if TYPE_CHECKING:
    from seatrial.dsse import Signer


@dataclass(frozen=True)
class Arming:
    """The levels that the caller armed, with the environment named beside each."""

    level: Level | None = None

    @classmethod
    def parse(cls, texts: list[str], profile: Profile) -> "Arming":
        """Read `LEVEL=ENVIRONMENT` arguments; raises UsageError for a wrong level, name or grant."""
        armed: Level | None = None
        for text in texts:
            name, _, environment = text.partition("=")
            try:
                level = Level.parse(name)
            except ValueError as error:
                raise UsageError(f"--arm {text}: {error}") from None
            if level < Level.DISRUPT:
                raise UsageError(f"--arm {text}: only disrupt and destroy are armed")
            if not environment:
                raise UsageError(f"--arm {text}: say which environment: --arm {level}={profile.name}")
            if environment != profile.name:
                raise UsageError(f"--arm {text}: this profile's environment is {profile.name!r}, not {environment!a}")
            if level > profile.max_impact:
                raise UsageError(f"--arm {text}: profile {profile.name} grants up to {profile.max_impact}")
            armed = max(armed or level, level)
        return cls(armed)


@dataclass(frozen=True)
class Environment:
    """What a process holds of an environment, once and for all: another arming is another environment.

    Args:
        profile: the environment's description.
        arming: what the caller armed; disrupt and destroy are refused without it.
        seed: what checks that make up their cases start from.
        signs: this process signs verdicts, and runs no check; no other keeps the key.
    """

    profile: Profile
    arming: Arming = Arming()
    redactor: Redactor = field(default_factory=Redactor)
    clients: dict[Any, Any] = field(default_factory=dict)
    seed: int = field(default_factory=lambda: secrets.randbelow(2**32))
    signs: bool = False
    _taken: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        readable = self.profile.references(self.granted)
        for each in self.profile.references():
            if each.kind == "env" and each not in readable:
                _forget(each.place)
        object.__setattr__(self, "profile", self.profile.readable_at(self.granted))
        # No process that we start, and no check, finds the key that signs verdicts in its environment.
        if self.profile.verdict and self.profile.verdict.key.startswith("env:"):
            variable = self.profile.verdict.key.removeprefix("env:")
            if self.signs:
                object.__setattr__(self, "_taken", os.environ.get(variable, ""))
                self.redactor.register(self._taken)
            _forget(variable)

    @property
    def granted(self) -> Level:
        """The highest level that this process may use."""
        ceiling = max(Level.EXERCISE, self.arming.level or Level.EXERCISE)
        return min(ceiling, self.profile.max_impact)

    @cached_property
    def signer(self) -> "Signer | None":
        """The key that signs verdicts, None where none does or the profile names none; raises ProfileError for one that is none."""
        from seatrial.dsse import Signer  # noqa: PLC0415 - each process of a trial opens an environment, one signs

        if self.profile.verdict is None or not self.signs:
            return None
        key = self.profile.verdict.key  # no level's secret: nothing that a profile is asked for leads to it
        value = self._taken or read(Reference.parse(key), self.profile.path)
        self.redactor.register(value)
        try:
            return Signer(value)
        except ValueError as error:
            raise ProfileError(f"{self.profile.path}: verdict.key: {key} is {error}") from None

    def refuses(self, level: Level) -> str:
        """Return why a level may not be used, or an empty text."""
        if level > self.profile.max_impact:
            return f"not granted: profile {self.profile.name} grants up to {self.profile.max_impact}"
        if level > self.granted:
            return f"not armed: needs --arm {level}={self.profile.name}"
        return ""

    def secret(self, reference: str) -> str:
        """Return the value behind a secret reference and keep it out of every report."""
        value = self.profile.secret(reference)
        self.redactor.register(value)
        return value

    def held(self) -> dict[str, str]:
        """Return reference -> value of every password and key of the granted level; users are known to many and left out."""
        references = self.profile.references(self.granted, users=False)
        return {str(each): self.secret(str(each)) for each in references}

    def credential(self, component: str, level: Level) -> Credential:
        """Return the credential for a component at a level: the strongest one declared up to it."""
        if reason := self.refuses(level):
            raise HarnessError(f"no credential: {reason}")
        declared = [
            sections[component]
            for name, sections in sorted(self.profile.credentials.items(), key=lambda item: Level.parse(item[0]))
            if Level.parse(name) <= level and component in sections
        ]
        if not declared:
            raise HarnessError(f"profile {self.profile.name} declares no credential for {component} up to {level}")
        section = declared[-1]
        user = self.secret(section.user) if REFERENCE.match(section.user) else section.user
        return Credential(user, self.secret(section.password))

    def check_secrets(self) -> None:
        """Read every secret and CA that the granted level may need; raises ProfileError listing all that are missing."""
        profile = self.profile
        certificates = {profile.ca, profile.postgres and profile.postgres.ca, profile.redis and profile.redis.ca}
        certificates |= {external.ca for external in profile.external.values()}
        problems = [f"{profile.path}: ca {path}: no such file" for path in certificates if path and not path.is_file()]
        for reference in profile.references(self.granted):
            try:
                self.secret(str(reference))
            except ProfileError as error:
                problems.append(str(error))
        if problems:
            raise ProfileError("\n".join(problems))

    @cached_property
    def undo_log(self) -> UndoLog:
        """The environment's undo log; raises ProfileError where the profile names no place for it."""
        if self.profile.platform is None:
            raise ProfileError(
                f"{self.profile.path}: platform.state is missing: strikes need an undo log that lives with the environment"
            )
        return UndoLog(self.profile.platform.state / "undo.jsonl")

    def scope(self, level: Level, meter: Meter, by: str) -> Scope:
        """Return what the facets of one handle may use; `by` names the check or fault in the undo log.

        Every handle begins here: raises HarnessError for a level that is not granted or armed. Every strike begins with
        the scope's `undo`, which raises it for a level that may not strike.
        """
        if reason := self.refuses(level):
            raise HarnessError(f"no handle for {level}: {reason}")

        def undo(do: str, args: dict[str, Any]) -> None:
            if level < Level.DISRUPT:
                raise HarnessError(f"no strike by a handle of {level}: {do}")
            self.undo_log.append(do, args, by)

        return Scope(
            profile=self.profile,
            level=level,
            credentials=lambda component: self.credential(component, level),
            meter=meter,
            undo=undo,
            clients=self.clients,
            secret=self.secret,
            held=self.held,
        )

    def undo_strikes(self, after: int = 0) -> list[Entry]:
        """Replay the undo log above a number, newest first, with the strongest credentials that are granted.

        What would end this process meanwhile ends it afterwards.
        """
        scope = self.scope(self.granted, Meter(), "undo")
        with shielded():
            return self.undo_log.replay(lambda do, args: invert(do, args, scope), after)

    @property
    def armed(self) -> bool:
        """Whether strikes are allowed at all."""
        return self.arming.level is not None

    @contextlib.contextmanager
    def lock(self, inherited: int | None = None) -> Iterator[None]:
        """Hold the environment: alone when armed, else together with other unarmed runs.

        Raises UsageError when another run holds it, or it is down; `inherited` as for `lock.held`.
        """
        if self.profile.state is None:
            yield
            return
        if not self.profile.state.exists():
            raise UsageError(f"environment {self.profile.name} is down: run `seatrial up {self.profile.option}`")
        with held(self.profile.state, self.profile.name, alone=self.armed, inherited=inherited):
            yield


def _forget(variable: str) -> None:
    """Remove a variable, and wipe its value where the process was given it: /proc/PID/environ shows that place for ever."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    if place := libc.getenv(os.fsencode(variable)):
        ctypes.memset(place, 0, len(os.environb.get(os.fsencode(variable), b"")))
    os.environ.pop(variable, None)
