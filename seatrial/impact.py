"""The four handles. What a check may do is what its fixture's type offers, and no more."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from seatrial import kept
from seatrial.cases import CaseFailures, Cases
from seatrial.environment import Environment
from seatrial.errors import Failure, Invalid
from seatrial.outcome import Level
from seatrial.profile import Account, Profile
from seatrial.scope import Credential, Meter, Scope
from seatrial.strikes import Strikes

if TYPE_CHECKING:
    from seatrial.facets.browser import ExerciseBrowser
    from seatrial.facets.cloud import DestroyCloud, ObserveCloud
    from seatrial.facets.external import ExerciseExternal
    from seatrial.facets.files import DestroyFiles, ObserveFiles
    from seatrial.facets.http import ExerciseHttp, ObserveHttp
    from seatrial.facets.names import ObserveNames
    from seatrial.facets.platform import DestroyPlatform, DisruptPlatform, ExercisePlatform, ObservePlatform
    from seatrial.facets.postgres import DestroyPg, DisruptPg, ExercisePg, ObservePg
    from seatrial.facets.redis import DestroyRedis, ObserveRedis
    from seatrial.facets.s3 import DestroyS3, ExerciseS3, ObserveS3
    from seatrial.facets.secrets import ObserveSecrets
    from seatrial.facets.tls import ObserveTcp, ObserveTls
    from seatrial.facets.tree import DestroyTree

P = ParamSpec("P")


class Observe:
    """Read-only: nothing that this handle offers changes the environment, nor could its credentials."""

    LEVEL = Level.OBSERVE

    def __init__(self, environment: Environment, by: str, worker: int = 0) -> None:
        self._environment = environment
        self._worker = worker
        self._meter = Meter()
        self._scope: Scope = environment.scope(self.LEVEL, self._meter, by)
        self._evidence: dict[str, Any] = {}
        self._seeded = False
        self.stopped: Failure | None = None

    @property
    def profile(self) -> Profile:
        """The environment's description."""
        return self._environment.profile

    @property
    def tree(self) -> Path:
        """The source tree that the profile names, or the patched copy of it that a fault has put in its place."""
        from seatrial.facets.tree import tree_of

        return tree_of(self._scope)

    @cached_property
    def http(self) -> "ObserveHttp":
        """Requests that only read."""
        from seatrial.facets.http import ObserveHttp

        return ObserveHttp(self._scope)

    @cached_property
    def tls(self) -> "ObserveTls":
        """TLS handshakes."""
        from seatrial.facets.tls import ObserveTls

        return ObserveTls(self._scope)

    @cached_property
    def tcp(self) -> "ObserveTcp":
        """TCP connects."""
        from seatrial.facets.tls import ObserveTcp

        return ObserveTcp(self._scope)

    @cached_property
    def names(self) -> "ObserveNames":
        """The name server's answers."""
        from seatrial.facets.names import ObserveNames

        return ObserveNames(self._scope)

    @cached_property
    def pg(self) -> "ObservePg":
        """PostgreSQL with a role that can only read."""
        from seatrial.facets.postgres import ObservePg

        return ObservePg(self._scope)

    @cached_property
    def redis(self) -> "ObserveRedis":
        """Redis with a user that can only read."""
        from seatrial.facets.redis import ObserveRedis

        return ObserveRedis(self._scope)

    @cached_property
    def s3(self) -> "ObserveS3":
        """The object store with an identity that can only read."""
        from seatrial.facets.s3 import ObserveS3

        return ObserveS3(self._scope)

    @cached_property
    def files(self) -> "ObserveFiles":
        """The rights of the files that hold secrets on this machine."""
        from seatrial.facets.files import ObserveFiles

        return ObserveFiles(self._scope)

    @cached_property
    def secrets(self) -> "ObserveSecrets":
        """The secrets that this process holds, to be looked for where none may be."""
        from seatrial.facets.secrets import ObserveSecrets

        return ObserveSecrets(self._scope)

    @cached_property
    def cloud(self) -> "ObserveCloud":
        """The cloud's own API, with a token that can only read."""
        from seatrial.facets.cloud import ObserveCloud

        return ObserveCloud(self._scope)

    @cached_property
    def platform(self) -> "ObservePlatform":
        """What the platform says of itself."""
        from seatrial.facets.platform import ObservePlatform

        return ObservePlatform(self._scope)

    def target(self, name: str) -> Any:
        """Return a figure from the profile's [targets]; without it nothing can be judged, so the check is INVALID."""
        if name not in self.profile.targets:
            raise Invalid(f"the profile has no targets.{name}")
        return self.profile.targets[name]

    @property
    def seed(self) -> int:
        """What a check that makes up its cases starts from; the repeat line then says it."""
        self._seeded = True
        return self._environment.seed

    @property
    def repeat_options(self) -> str:
        """The options that make another run try the same cases."""
        return f" --seatrial-seed {self._environment.seed}" if self._seeded else ""

    def evidence(self, name: str, value: Any) -> None:
        """Keep what was seen by now for the report; what JSON has no form for is kept as its text, secrets are redacted.

        Raises TypeError for a mapping whose keys are no texts or numbers.
        """
        self._evidence[name] = json.loads(json.dumps(value, default=str))

    def picture(self, name: str, png: bytes) -> None:
        """Keep a picture for the report. Nothing in it can be redacted: it may show no secret."""
        self._evidence[name] = kept.keep("picture", png, self.profile.name)

    @contextmanager
    def cases(self, at_least: int) -> Iterator[Cases]:
        """Run many cases in one check; none, or fewer than `at_least`, is INVALID, any failed case fails the check."""
        cases = Cases()
        try:
            yield cases
        except Exception as error:
            if cases.findings:  # what was measured and is wrong outweighs what then could not be measured
                raise CaseFailures(cases.findings, len(cases.names)) from error
            raise
        self.evidence("cases", {"count": len(cases.names), "failed": len(cases.findings)})
        if cases.findings:
            raise CaseFailures(cases.findings, len(cases.names))
        if len(cases.names) < max(1, at_least):
            raise Invalid(f"{len(cases.names)} cases were tried, at least {max(1, at_least)} were expected")

    def close(self) -> None:
        """End the handle; nothing to give back at this level."""


class Exercise(Observe):
    """May create data of its own, marked, and removes it."""

    LEVEL = Level.EXERCISE

    def __init__(self, environment: Environment, by: str, worker: int = 0) -> None:
        super().__init__(environment, by, worker)
        self.marker = f"seatrial-{uuid.uuid4().hex[:12]}"
        self._cleanups: list[Callable[[], object]] = []

    @cached_property
    def http(self) -> "ExerciseHttp":
        """Requests of every method."""
        from seatrial.facets.http import ExerciseHttp

        return ExerciseHttp(self._scope)

    @cached_property
    def pg(self) -> "ExercisePg":
        """PostgreSQL, with the check's own scratch servers."""
        from seatrial.facets.postgres import ExercisePg

        return ExercisePg(self._scope)

    @cached_property
    def s3(self) -> "ExerciseS3":
        """The object store, with the keys of the services."""
        from seatrial.facets.s3 import ExerciseS3

        return ExerciseS3(self._scope)

    @cached_property
    def platform(self) -> "ExercisePlatform":
        """The platform, with scratch servers that belong to this check."""
        from seatrial.facets.platform import ExercisePlatform

        return ExercisePlatform(self._scope)

    @cached_property
    def external(self) -> "ExerciseExternal":
        """The environment's keys of external services."""
        from seatrial.facets.external import ExerciseExternal

        return ExerciseExternal(self._scope)

    @cached_property
    def browser(self) -> "ExerciseBrowser":
        """A real browser."""
        from seatrial.facets.browser import ExerciseBrowser

        return ExerciseBrowser(self._scope)

    @property
    def account(self) -> tuple[str, str]:
        """E-mail and password of the account that is this worker's own."""
        return self.account_number(self._worker)

    def account_number(self, number: int) -> tuple[str, str]:
        """Return e-mail and password of another declared account, counted from 0."""
        accounts: tuple[Account, ...] = self.profile.accounts
        if not accounts:
            raise Invalid("the profile declares no [[accounts]]")
        account = accounts[number % len(accounts)]
        return account.email, self._environment.secret(account.password)

    def cleanup(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call the function when the check ends, last given first."""
        self._cleanups.append(lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Remove what the check made; every removal is tried, and the first error is raised."""
        errors = []
        while self._cleanups:
            try:
                self._cleanups.pop()()
            except Exception as error:  # noqa: BLE001 - all removals are tried before the first error is raised
                errors.append(error)
        if errors:
            raise Invalid(f"own data could not be removed: {errors[0]}") from errors[0]
        super().close()


class Disrupt(Exercise):
    """May restart, deploy and fail over; the service may dip. Every act's inverse is in the undo log before it."""

    LEVEL = Level.DISRUPT

    def __init__(self, environment: Environment, by: str, worker: int = 0) -> None:
        super().__init__(environment, by, worker)
        self._undo_from = environment.undo_log.last()
        self._strikes = Strikes(self._scope.undo)
        self._scope = replace(self._scope, undo=self._strikes.begin)

    @cached_property
    def pg(self) -> "DisruptPg":
        """PostgreSQL, with locks that a service could hold."""
        from seatrial.facets.postgres import DisruptPg

        return DisruptPg(self._scope)

    @cached_property
    def platform(self) -> "DisruptPlatform":
        """The platform's controls."""
        from seatrial.facets.platform import DisruptPlatform

        return DisruptPlatform(self._scope)

    def credential(self, name: str) -> Credential:
        """Return a service's own credential by the name that the profile gives it, as it is at this moment."""
        return self._scope.credentials(name)

    def undo(self) -> None:
        """Take back what this handle struck, newest first."""
        self._environment.undo_strikes(after=self._undo_from)

    def seal(self, reason: str) -> None:
        """Let no strike begin from now on."""
        self._strikes.shut(reason)

    def stop(self, failure: Failure) -> None:
        """Seal the handle and take back what it struck, for this failure, which the check has then whatever it makes of that."""
        self.stopped = self.stopped or failure
        self.seal(f"it was stopped, for want of {failure.expected}")
        self._strikes.late()
        self.undo()

    def close(self) -> None:
        """Seal the handle, undo what is still struck, then remove own data; Invalid if a thread may strike after that."""
        self.seal("the check has ended")
        late = self._strikes.late()
        try:
            self.undo()
        finally:
            super().close()
        if late:
            raise Invalid(f"a thread that struck has not ended, and may strike after the undo: {', '.join(late)}")


class Destroy(Disrupt):
    """May lose data and instances: for environments that can be thrown away."""

    LEVEL = Level.DESTROY

    @cached_property
    def pg(self) -> "DestroyPg":
        """PostgreSQL with a superuser's role."""
        from seatrial.facets.postgres import DestroyPg

        return DestroyPg(self._scope)

    @cached_property
    def redis(self) -> "DestroyRedis":
        """Redis with an administrator's user."""
        from seatrial.facets.redis import DestroyRedis

        return DestroyRedis(self._scope)

    @cached_property
    def s3(self) -> "DestroyS3":
        """The object store with an administrator's identity."""
        from seatrial.facets.s3 import DestroyS3

        return DestroyS3(self._scope)

    @cached_property
    def cloud(self) -> "DestroyCloud":
        """The cloud's own API, with a token that can change its network."""
        from seatrial.facets.cloud import DestroyCloud

        return DestroyCloud(self._scope)

    @cached_property
    def platform(self) -> "DestroyPlatform":
        """The platform's controls, with those that may lose data."""
        from seatrial.facets.platform import DestroyPlatform

        return DestroyPlatform(self._scope)

    @cached_property
    def files(self) -> "DestroyFiles":
        """The files of the environment's state folder."""
        from seatrial.facets.files import DestroyFiles

        return DestroyFiles(self._scope)

    @cached_property
    def source(self) -> "DestroyTree":
        """The source tree, for what is to be read from a patched copy."""
        from seatrial.facets.tree import DestroyTree

        return DestroyTree(self._scope)


HANDLES: dict[Level, type[Observe]] = {
    Level.OBSERVE: Observe,
    Level.EXERCISE: Exercise,
    Level.DISRUPT: Disrupt,
    Level.DESTROY: Destroy,
}
