"""What proves of a secret that its old value is dead and that every instance uses the new one, by kind of secret."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from seatrial import Disrupt, Failure, Invalid, require
from suites.client import Asset, Client, Instance, Session, doors, instances
from suites.client.session import promised
from suites.security.forgery import unbase64
from suites.security.mutations import Link
from suites.security.test_signing import fetch

SECRETS = (
    "links",
    "jwt",
    "postgres-api",
    "postgres-worker",
    "redis-api",
    "redis-worker",
    "s3-api",
    "s3-worker",
    "s3-edge",
)


@dataclass(frozen=True)
class Proof:
    """One secret under rotation, as it was before.

    Attributes:
        opens: says where the old value still opens something; empty when nowhere. Raises Failure where nothing answers.
        used: raises Failure for the first instance that does not use the new value.
    """

    opens: Callable[[], list[str]] = field(repr=False)
    used: Callable[[], None] = field(repr=False)


def proof_of(disrupt: Disrupt, name: str, session: Session, asset: Asset) -> Proof:
    """Return the proof of one of `SECRETS`; it holds the value of now."""
    kind = name.partition("-")[0]
    if kind == "links":
        return of_links(disrupt, session, asset)
    if kind == "jwt":
        return of_jwt(disrupt, session)
    if kind == "s3":
        return of_store(disrupt, name, session)
    return of_database(disrupt, name) if kind == "postgres" else of_redis(disrupt, name)


def spoken_with(disrupt: Disrupt, session: Session, instance: Instance) -> Session:
    """Return the same session, spoken with one instance."""
    return Session(Client(disrupt.http, instance.via), session.tokens, session.again)


def of_links(disrupt: Disrupt, session: Session, asset: Asset) -> Proof:
    """Follow a link of the old key to every door, and look at the key of fresh ones."""
    old = Link.parse(session.playback(asset.id).url)

    def opens() -> list[str]:
        return _where(
            {door: _opened(fetch(disrupt, old, way).status, 200, 403) for door, way in doors(disrupt, "edge").items()}
        )

    def used() -> None:
        for each in instances(disrupt, "api"):
            fresh = Link.parse(spoken_with(disrupt, session, each).playback(asset.id).url)
            require(fresh.value("kid") != old.value("kid"), "links signed with a new key", "the old key", each.name)
            for door, way in doors(disrupt, "edge").items():
                status = fetch(disrupt, fresh, way).status
                require(status == 200, f"200 for a fresh link of {each.name}", f"{status}", door)

    return Proof(opens, used)


def of_jwt(disrupt: Disrupt, session: Session) -> Proof:
    """Send a token of the old key to every instance, and a fresh one of each to all others."""
    old = session.tokens.access_token

    def ask(token: str, instance: Instance) -> int | None:
        headers = {"Authorization": f"Bearer {token}"}
        return disrupt.http.get("api:/v1/assets?limit=1", headers=headers, via=instance.via).status

    def opens() -> list[str]:
        return _where({each.name: _opened(ask(old, each), 200, 401) for each in instances(disrupt, "api")})

    def used() -> None:
        for each in instances(disrupt, "api"):
            fresh = Client(disrupt.http, each.via).sign_in(*disrupt.account)
            disrupt.cleanup(fresh.sign_out)
            require(
                _kid(fresh.tokens.access_token) != _kid(old), "tokens signed with a new key", "the old key", each.name
            )
            for other in instances(disrupt, "api"):
                status = ask(fresh.tokens.access_token, other)
                require(status == 200, f"200 for a fresh token of {each.name}", f"{status}", other.name)

    return Proof(opens, used)


def of_database(disrupt: Disrupt, name: str) -> Proof:
    """Sign in as the role with the old password, at the server and at the pooler; no session may be older than the rotation."""
    old = disrupt.credential(name)
    began = disrupt.pg.rows("select clock_timestamp() as at")[0]["at"]
    ways = {"postgres": False} | ({"pooler": True} if _has_pooler(disrupt) else {})
    clients = _pooler_clients(disrupt, old.user)

    def accepted(password: str) -> dict[str, bool]:
        found = {}
        for place, pooled in ways.items():
            answer = disrupt.pg.attempt(user=old.user, password=password, pooled=pooled)
            if not answer.ok and "authentication failed" not in (answer.error or ""):
                raise Failure("a refused password", answer.error, place)
            found[place] = answer.ok
        return found

    def used() -> None:
        refused = _where({place: not ok for place, ok in accepted(disrupt.credential(name).password).items()})
        require(not refused, f"the new password of {old.user} accepted", "refused", ", ".join(refused))
        stale = disrupt.pg.rows(
            "select application_name as who from pg_stat_activity where usename = %s and backend_start < %s",
            (old.user, began),
        )
        names = ", ".join(sorted(str(row["who"]) for row in stale))
        require(not stale, "no session that the old password has opened", names, names or "postgres")
        left = clients & _pooler_clients(disrupt, old.user)
        names = ", ".join(sorted({who for who, *_ in left}))
        require(not left, "no client of the pooler that signed in with the old password", names, names or "pooler")
        _require_ready(disrupt, name)

    return Proof(lambda: _where(accepted(old.password)), used)


def _has_pooler(disrupt: Disrupt) -> bool:
    place = disrupt.profile.postgres
    return place is not None and place.pooler is not None


def _pooler_clients(disrupt: Disrupt, user: str) -> set[tuple[str, ...]]:
    """Return the sessions of that user's clients at the pooler, each by what no other can have; empty without one."""
    if not _has_pooler(disrupt):
        return set()
    columns = ("application_name", "addr", "port", "connect_time", "ptr")
    rows = [row for row in disrupt.pg.show("CLIENTS") if row["user"] == user]
    return {tuple(str(row[column]) for column in columns) for row in rows}


def of_redis(disrupt: Disrupt, name: str) -> Proof:
    """Sign in as the user with the old password at every server and Sentinel; no connection of it may be older than the rotation."""
    old, began = disrupt.credential(name), time.monotonic()
    place = disrupt.profile.redis
    # Users are not replicated: each of them keeps its own.
    doors = {"redis": None} | ({each: each for each in (*place.replicas, *place.sentinels)} if place else {})

    def opens() -> list[str]:
        return _where({door: opened(door, at) for door, at in doors.items()})

    def opened(door: str, at: str | None) -> bool:
        answer = disrupt.redis.attempt(old.user, old.password, at=at)
        if not answer.ok and "WRONGPASS" not in (answer.error or "") and "invalid username" not in (answer.error or ""):
            raise Failure("a refused password", answer.error, door)
        return answer.ok

    def used() -> None:
        new = disrupt.credential(name)
        for door, at in doors.items():
            answer = disrupt.redis.attempt(new.user, new.password, at=at)
            require(answer.ok, f"the new password of {new.user} accepted", answer.error, door)
        since_s = time.monotonic() - began
        clients = disrupt.redis.read("CLIENT", "LIST")
        stale = [each for each in clients if each.get("user") == old.user and float(each["age"]) > since_s + 1.0]
        require(not stale, "no connection that the old password has opened", f"{len(stale)} of them", "redis")
        _require_ready(disrupt, name)

    return Proof(opens, used)


def of_store(disrupt: Disrupt, name: str, session: Session) -> Proof:
    """List a bucket with the old key; URLs that the API signs must name the new one."""
    service = name.removeprefix("s3-")
    old, old_access = disrupt.s3.kept(service), disrupt.credential(name).user

    def opens() -> list[str]:
        answer = old.call("list_objects_v2", Bucket="previews", MaxKeys=1)
        if not answer.ok and answer.code not in {"InvalidAccessKeyId", "SignatureDoesNotMatch"}:
            raise Failure("a refused key", answer.error, "s3")
        return ["s3"] if answer.ok else []

    def used() -> None:
        answer = disrupt.s3.service(service).call("list_objects_v2", Bucket="previews", MaxKeys=1)
        require(answer.ok, f"the new key of {service} accepted", answer.error, "s3")
        for each in instances(disrupt, "api") if service == "api" else ():
            created = spoken_with(disrupt, session, each).create(f"{disrupt.marker} key", b"x")
            disrupt.cleanup(session.remove, created.asset.id)
            url = created.upload.url if created.upload else None
            if not url:
                raise Invalid("the API gave no upload URL to look at")
            named = parse_qs(urlsplit(url).query).get("X-Amz-Credential", [""])[0].partition("/")[0]
            require(named not in {"", old_access}, "upload URLs signed with a new key", "the old key", each.name)
        _require_ready(disrupt, name)

    return Proof(opens, used)


def _require_ready(disrupt: Disrupt, name: str) -> None:
    """Require that each instance of the service that uses the secret reaches everything it depends on."""
    service = name.partition("-")[2]
    for each in instances(disrupt, service):
        promised(disrupt.http.get(each.url(disrupt.profile.services[service].ready), via=each.via), 200, each.name)


def _opened(status: int | None, yes: int, no: int) -> bool:
    if status not in {yes, no}:
        raise Failure(f"{yes} or {no}", f"{status}")
    return status == yes


def _where(seen: dict[str, bool]) -> list[str]:
    return [name for name, opened in seen.items() if opened]


def _kid(token: str) -> str:
    return str(json.loads(unbase64(token.split(".", 1)[0])).get("kid"))
