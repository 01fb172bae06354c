"""Keys of external services: they work, may do no more than was declared, and can be replaced."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.declared import External
from seatrial.probes.keys import Right
from suites.client import remove_object
from suites.infra import _rights as store

# Whose key may remove the version that asking to delete has left.
REMOVERS = {"backups": "backup"}
KINDS = ("digitalocean", "s3", "sentry", "slack", "smtp")


@check("SEC-SEC-05", severity=MAJOR, component="external keys")
def test_external_keys_work_and_may_do_no_more_than_declared(exercise: Exercise) -> None:
    """Each key of an external service works, may do what is declared and nothing else, and can be replaced.

    Why it matters: a webhook that was revoked is noticed in the outage that it should have announced. A token made with
    every right, because that was quicker, turns the theft of one configuration file into the loss of the account. A key that
    cannot be replaced without an outage is not replaced after a theft either.

    How it is measured: for every key under the profile's [external], by requests that make, send and store nothing. S3:
    every action in every bucket, as in INF-S3-02; to be read among masters, the API's key writes a probe that is locked for
    seconds. DigitalOcean: lists are read, and things are created from an empty body, which is refused as such (422) where the
    token might and as forbidden (403) where it may not. SMTP: signing in over TLS, then NOOP. Slack: a payload without a text,
    which a webhook that works refuses as such. Sentry: an envelope without an item. What
    the service allowed must equal the declared scope. A key can be replaced when the service takes two at once (where
    the platform rotates by itself, it must offer to), or when its declared day of issue is no longer ago than the declared age. An
    answer that tells nothing (no connection, a limit on requests, an error of the service, a refusal to read in a bucket that holds
    nothing what was declared) makes the check INVALID.

    Not covered: rights that no request above asks for; kinds of service that the profile has no key of (see the evidence);
    the replacing itself (SEC-SEC-04).
    """
    declared = exercise.profile.external
    if not declared:
        raise Invalid("the profile declares no key under [external]")
    absent = sorted(set(KINDS) - {external.kind for external in declared.values()})
    exercise.evidence("kinds not declared", absent)
    unknown, seen = [], dict[str, list[str]]()
    with exercise.cases(at_least=3 * len(declared)) as cases:
        of_store = any(external.kind == "s3" for external in declared.values())
        there = {bucket: store.readable(exercise, bucket) for bucket in _buckets(exercise)} if of_store else {}
        for name, external in declared.items():
            rights = list(_rights(exercise, name, external, there))
            unknown += [f"{name}, {right.name}: {right.said}" for right in rights if right.allowed is None]
            may = sorted(right.name for right in rights if right.allowed)
            seen[name] = may
            with cases(f"{name} works"):
                refused = [f"{right.name}: {right.said}" for right in rights if right.allowed is False]
                untold = any(right.allowed is None for right in rights)
                shut_out = any(right.allowed is False and right.name in external.scope for right in rights)
                require(
                    may or (untold and not shut_out),
                    f"a key {name} that works",
                    f"nothing allowed: {'; '.join(refused[:3])}",
                    name,
                )
            with cases(f"{name} scope"):
                _require_scope(name, external, rights)
            with cases(f"{name} can be replaced"):
                _require_replaceable(exercise, name, external)
        exercise.evidence("may", seen)
        if unknown:
            raise Invalid(f"no answer told: {'; '.join(unknown[:3])}")


def _buckets(exercise: Exercise) -> Collection[str]:
    if exercise.profile.s3 is None:
        raise Invalid("the profile names no [s3]")
    return exercise.profile.s3.buckets


def _rights(exercise: Exercise, name: str, external: External, there: Mapping[str, str | None]) -> Iterator[Right]:
    """Ask for every right; in `there` is a key to read for each bucket that holds something."""
    if external.kind != "s3":
        yield from exercise.external.rights(name)
        return
    key = exercise.s3.service(external.credential.removeprefix("s3-"))
    absent = f"trial/{exercise.marker}-absent"
    for bucket, readable in there.items():
        for asked in store.asked_by(key, bucket, readable or absent, absent):
            if asked.left is not None:
                remover = exercise.s3.service(REMOVERS.get(bucket, "api"))
                exercise.cleanup(remove_object, remover, bucket, absent, VersionId=asked.left)
            # A key that the store does not know, or knows with another secret, is one that does not work.
            dead = any(code in asked.said for code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"))
            right = f"{asked.action} {bucket}"
            # What is not there is refused to whoever may not list, and may be read all the same.
            blind = readable is None and asked.action == store.READ and not asked.allowed and right in external.scope
            yield Right(right, False if dead else None if blind else asked.allowed, asked.said)


def _require_scope(name: str, external: External, rights: list[Right]) -> None:
    declared = set(external.scope)
    unasked = sorted(declared - {right.name for right in rights})
    require(not unasked, f"a scope of {name} in words that are asked for", ", ".join(unasked), name)
    wide = [right.name for right in rights if right.allowed and right.name not in declared]
    require(not wide, f"nothing allowed to {name} but its declared scope", f"also: {', '.join(wide)}", name)
    narrow = [f"{right.name} ({right.said})" for right in rights if right.allowed is False and right.name in declared]
    require(not narrow, f"all of its declared scope allowed to {name}", f"refused: {', '.join(narrow)}", name)


def _require_replaceable(exercise: Exercise, name: str, external: External) -> None:
    if external.two_keys:
        ours = external.kind == "s3" and exercise.profile.platform is not None
        require(
            not ours or exercise.platform.offers("rotate"), f"a platform that replaces {name}", "no call rotate", name
        )
        return
    require(
        external.issued is not None and external.max_age_days is not None,
        f"two keys at once, or issued and max_age_days of {name}",
        "neither is declared",
        name,
    )
    age = (dt.datetime.now(dt.UTC).date() - (external.issued or dt.date.min)).days
    limit = external.max_age_days or 0
    require(0 <= age <= limit, f"a key {name} no older than {limit} days", f"{age} days", name)
