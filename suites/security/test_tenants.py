"""One account and another's assets."""

import base64
import hashlib
import json

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from seatrial import BLOCKER, Exercise, Invalid, check, require
from suites.client import Created, Session, another_account, ready_asset, remove, signed_in
from suites.client.contract import Operation, operations
from suites.security._tenants import FORMS, World, first_failure, machine

RUNS, STEPS = 6, 25
# Operations without an asset: there is nothing of another's to reach.
OF_THE_CALLER = frozenset({"DELETE /v1/sessions/current"})
# Operations on the whole of an account's assets, for which the machine has rules of their own.
OF_THE_LIST = frozenset({"GET /v1/assets", "POST /v1/assets"})
FEWEST_OPERATIONS = 7


@check("SEC-ACL-02", severity=BLOCKER, component="api")
def test_no_account_reaches_anothers_assets(exercise: Exercise) -> None:
    """One account reaches none of another's assets by any route, spelling of the id, or filter.

    Why it matters: the most common hole in APIs is an object that is served to whoever knows its id (OWASP API Security
    Top 10 of 2023, API1). One query without its owner filter is enough, and no test of one user alone can see it.

    How it is measured: the owner has a ready asset, an unfinished upload under an Idempotency-Key, and an unfinished
    multipart upload with one part sent. The stranger, another account, calls every operation of the live document that
    takes an asset id, with 18 spellings of the owner's id (case, braces, URN, percent-encodings, slashes, dot segments,
    null byte ...). Each answer must be a refusal, and the same in status, headers and body as for an id that does not
    exist. He lists with the owner's cursor, ids, account and title as filters. Then a Hypothesis state machine mixes all
    that with a life of his own: creating under the owner's Idempotency-Key, bending his upload URLs to the owner's key,
    completing with the owner's parts, smuggling ids into bodies and queries. After every step his list must hold his own
    assets, no answer a word of the owner's, and the owner's assets must be as they were. An operation with an identifier
    that no rule covers fails the check. The seed stands in the repeat line.

    Not covered: timing of the refusals; signed links, which open for whoever holds them (SEC-HMAC-04); objects in the
    store by key (INF-S3-02); roles within one account, which the product has not.
    """
    owner, stranger = signed_in(exercise), signed_in(exercise, another_account(exercise))
    live = [each for each in operations(exercise.http.get("api:/openapi.json").json()) if each.guarded]
    on_assets = tuple(each for each in live if each.identifiers == ("path asset_id",))
    ruled = {str(each) for each in on_assets} | OF_THE_LIST | OF_THE_CALLER
    uncovered = sorted(f"{each} {each.identifiers}" for each in live if str(each) not in ruled)
    require(not uncovered, "a rule for every guarded operation of the live document", f"uncovered: {uncovered}")
    if len(on_assets) < FEWEST_OPERATIONS:
        raise Invalid(f"{len(on_assets)} operations take an asset id, at least {FEWEST_OPERATIONS} were expected")
    world = _world(exercise, owner, stranger, on_assets)
    with exercise.cases(at_least=len(on_assets) * len(FORMS) + len(world.tricks)) as cases:
        for operation in on_assets:
            for form in FORMS:
                with cases(f"{operation}, id {form}"):
                    world.reach(operation, form, "ready")
        for trick in world.tricks:
            with cases(f"a list with {trick}"):
                world.list_with(trick)
        with cases("the owner's assets"):
            world.unchanged()
        with cases(f"any order, seed {exercise.seed}"):
            _any_order(exercise, world)
        with cases("nothing was put in the owner's place"):
            answer = owner.call("POST", f"/v1/assets/{world.victims['unfinished']['id']}/complete", json={})
            require(answer.status == 409, "409: nothing has been uploaded", f"{answer.status} {answer.text[:200]}")
    exercise.evidence("operations", dict(sorted(world.tried.items())))
    exercise.evidence("steps", world.steps)
    if world.steps < RUNS * STEPS / 2:
        raise Invalid(f"{world.steps} steps were taken, at least {RUNS * STEPS // 2} were expected")


def _any_order(exercise: Exercise, world: World) -> None:
    steps = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(exercise.seed)(machine(world)), settings=steps)
    except Exception as error:
        if found := first_failure(error):
            exercise.evidence("steps to the failure", getattr(error, "__notes__", []))
            raise found from error
        raise


def _world(exercise: Exercise, owner: Session, stranger: Session, on_assets: tuple[Operation, ...]) -> World:
    content, key = exercise.marker.encode(), f"{exercise.marker}-key"
    announced = {
        "title": f"{exercise.marker} unfinished",
        "filename": "clip.mp4",
        "content_type": "video/mp4",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    ready = ready_asset(exercise, owner)
    ready = owner.rename(ready.id, f"{exercise.marker} ready, the owner's")
    answer = owner.call("POST", "/v1/assets", json=announced, headers={"Idempotency-Key": key})
    unfinished = Created.from_json(answer.json()).asset
    exercise.cleanup(remove, owner, unfinished.id)
    in_parts = owner.create(f"{exercise.marker} in parts, the owner's", content, multipart=True)
    exercise.cleanup(remove, owner, in_parts.asset.id)
    parts = owner.put(in_parts.upload, content) if in_parts.upload else None
    if not parts:
        raise Invalid("the multipart upload has no parts")
    page = owner.call("GET", "/v1/assets?limit=1").json()
    everything = {item["id"]: item for item in owner.call("GET", "/v1/assets?limit=100").json()["items"]}
    victims = {"ready": ready, "unfinished": unfinished, "multipart": in_parts.asset}
    account = _account_of(owner)
    return World(
        owner=owner,
        stranger=stranger,
        operations=on_assets,
        victims={name: everything[asset.id] for name, asset in victims.items()},
        marks=(*(asset.id for asset in victims.values()), ready.title, in_parts.asset.title, account),
        tricks={
            "the owner's cursor": f"cursor={page['next_cursor']}",
            "the owner's cursor, all of it": f"cursor={page['next_cursor']}&limit=100",
            "the first cursor of all": f"cursor={10**16 - 1}-{'f' * 32}&limit=100",
            "the owner's id as a cursor": f"cursor=9999999999999999-{ready.id.replace('-', '')}",
            "the owner's asset": f"id={ready.id}&asset_id={ready.id}&ids={ready.id}",
            "the owner's account": f"account_id={account}&account={account}&owner={account}&user_id={account}",
            "every account": "account_id=&account_id=*&all=true&scope=all&include=all",
            "the owner's title": f"q={exercise.marker}&search={exercise.marker}&title={exercise.marker}",
            "two cursors": f"cursor=1-{'0' * 32}&cursor={page['next_cursor']}",
        },
        key=key,
        announced=announced,
        parts=parts,
        made=lambda asset_id: exercise.cleanup(remove, stranger, asset_id),
    )


def _account_of(session: Session) -> str:
    body = session.tokens.access_token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])
