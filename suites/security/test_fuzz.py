"""The contract, by a machine that tries what nobody would type."""

import contextlib
import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jsonschema import Draft202012Validator

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, require
from suites.client import Session, Tokens, end, masters_are_removable, ready_asset, remove, signed_in
from suites.security._fuzz import DOORS, PHASES, Fuzzed, Wrong, fuzz, load

SIGN_IN, REFRESH, SIGN_OUT = "POST /v1/sessions", "POST /v1/sessions/refresh", "DELETE /v1/sessions/current"
PROMOTE, DELETE = "POST /v1/assets/{asset_id}/promote", "DELETE /v1/assets/{asset_id}"
REJECTED = "Schema-valid request rejected"
# Reasons to refuse a valid request that lie in earlier requests, or in how the environment is configured.
FACTS = ("Idempotency-Key was used for another", "A link lives", "This is a multipart upload")
EXAMPLES, STEPS = 8, 6
FEWEST_OPERATIONS, FEWEST_REQUESTS = 14, 200
NOWHERE = "00000000-0000-4000-8000-000000000000"
# Headers of HTTP itself, which whatever stands in front of the API may answer (RFC 9110, sections 7.6.1 and 10.1.1).
OF_HTTP = frozenset({"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"})


@check("SEC-API-01", severity=BLOCKER, component="api", alone=True)
def test_the_contract_survives_a_fuzzer(exercise: Exercise) -> None:
    """Whatever a signed-in caller sends, nothing ends in a 5xx, and every answer fits the published contract.

    Why it matters: inputs that nobody thought of find the unhandled error that takes an instance down, or the answer that
    breaks every generated client. A fuzzer that gets 401 everywhere is green and has tested nothing.

    How it is measured: Schemathesis reads the live /openapi.json and sends, through the public host and signed in as a
    trial account, the examples (a ready asset, one that is nowhere, a real sign-in), its coverage of every constraint of every parameter, random
    bodies and parameters, and random chains along the contract's links. No answer may be a 5xx; each must have a documented
    status, content type, headers and body; what breaks a constraint must be refused and what keeps all of them must not be;
    a token that is missing or wrong must be refused; what was deleted must be gone. Signing out has a session of its own
    each time. An operation that answered nothing but 401, 403, 404, 405, or never with a success, counts as not tested,
    and so does a phase without requests: both fail the check. The seed stands in the repeat line. Assets that were
    created are removed, and sessions that were opened are ended.

    Not covered: routes outside of the document (DEP-API-01); what needs several accounts (SEC-ACL-02); bytes below HTTP
    (SEC-HTTP-04); promotion, where masters are retained for longer than the check could wait to remove them.
    """
    session = signed_in(exercise)
    document = exercise.http.get("api:/openapi.json").json()
    fuzzed = Fuzzed()
    with exercise.cases(at_least=FEWEST_OPERATIONS) as cases:
        examples: Mapping[str, Any] = {}
        with cases("what the examples name"):
            exercise.cleanup(_remove_others, session, {asset.id for asset in session.assets()})
            examples = _examples(exercise, session)
        schema = _schema(exercise, document, examples)
        _let_in(schema, exercise, session)
        with exercise.http.carry_requests():
            fuzzed = fuzz(schema)
        for wrong in fuzzed.wrong.values():
            with cases(f"{wrong.operation}: {wrong.title}"):
                raise _failure(wrong)
        for operation in sorted(each.ok().label for each in schema.get_all_operations()):
            with cases(operation):
                _require_tested(fuzzed, operation)
        for phase in PHASES:
            with cases(f"phase {phase}"):
                require(fuzzed.phases[phase], f"requests in phase {phase}", "none: not tested")
    exercise.evidence("answers", {name: dict(sorted(each.items())) for name, each in sorted(fuzzed.statuses.items())})
    exercise.evidence("requests by phase", dict(fuzzed.phases))
    exercise.evidence("seed", exercise.seed)
    if fuzzed.errors:
        raise Invalid(f"Schemathesis could not go on: {'; '.join(fuzzed.errors[:3])}")
    if fuzzed.phases.total() < FEWEST_REQUESTS:
        raise Invalid(f"{fuzzed.phases.total()} requests were sent, at least {FEWEST_REQUESTS} were expected")


def _examples(exercise: Exercise, session: Session) -> dict[str, Any]:
    """Make what the contract's document cannot name: things that exist, and credentials that are right."""
    ready = ready_asset(exercise, session)
    announced = session.create(f"{exercise.marker} to be deleted", b"never sent")
    exercise.cleanup(remove, session, announced.asset.id)
    email, password = exercise.account
    return {
        "asset": ready.id,
        "to be deleted": announced.asset.id,
        SIGN_IN: {"email": email, "password": password},
        REFRESH: {"refresh_token": signed_in(exercise).tokens.refresh_token},
    }


def _schema(exercise: Exercise, document: Mapping[str, Any], examples: Mapping[str, Any]) -> Any:
    """Give Schemathesis the document with the examples in it."""
    told = copy.deepcopy(dict(document))
    for path, item in told["paths"].items():
        for method, operation in item.items():
            label = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "asset_id" and examples:
                    named = examples["to be deleted" if label == DELETE else "asset"]
                    parameter["examples"] = {"there": {"value": named}, "nowhere": {"value": NOWHERE}}
            if label in examples:
                operation["requestBody"]["content"]["application/json"]["example"] = examples[label]
    base_url = exercise.profile.urls["api"]
    schema = load(told, base_url=base_url, seed=exercise.seed, examples=EXAMPLES, steps=STEPS)
    return schema if masters_are_removable(exercise) else schema.exclude(name=PROMOTE)


def _let_in(schema: Any, exercise: Exercise, session: Session) -> None:
    """Sign every request, and let every second valid sign-in be one that succeeds; what that opens is ended with the check."""
    credentials = dict(zip(("email", "password"), exercise.account, strict=True))
    fits = Draft202012Validator(
        {**schema.raw_schema["components"]["schemas"]["Credentials"], "components": schema.raw_schema["components"]}
    )
    turns = 0

    @schema.auth(refresh_interval=None)
    class Token:
        def get(self, case: Any, _context: Any) -> str:
            return (signed_in(exercise) if case.operation.label == SIGN_OUT else session).tokens.access_token

        def set(self, case: Any, token: str, _context: Any) -> None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}

    @schema.hook("map_body").apply_to(name=SIGN_IN)  # type: ignore[untyped-decorator]
    def true_credentials(_context: Any, body: Any) -> Any:
        nonlocal turns
        if not fits.is_valid(body):
            return body
        turns += 1
        return credentials if turns % 2 else body

    @schema.hook("after_call").apply_to(name=SIGN_IN)  # type: ignore[untyped-decorator]
    def noted(_context: Any, _case: Any, response: Any) -> None:
        with contextlib.suppress(ValueError, Failure):  # an answer of another form is a finding of the run's own
            if response.status_code == 201:
                tokens = Tokens.from_json(response.json())
                exercise.cleanup(end, Session(session.client, tokens, session.again))

    @schema.hook("filter_case")  # type: ignore[untyped-decorator]
    def without_headers_of_http(_context: Any, case: Any) -> bool:
        return OF_HTTP.isdisjoint(name.lower() for name in case.headers or ())

    @schema.hook("filter_failure")  # type: ignore[untyped-decorator]
    def unless_for_a_fact(_context: Any, failure: Any, _case: Any, response: Any) -> bool:
        """Let go what was refused for something that no schema can say."""
        return failure.title != REJECTED or not any(fact in response.text for fact in FACTS)


def _failure(wrong: Wrong) -> Failure:
    return Failure(f"{wrong.title.lower()} never", f"{wrong.message}; first by {wrong.request}")


def _require_tested(fuzzed: Fuzzed, operation: str) -> None:
    seen: Mapping[int, int] = fuzzed.statuses.get(operation, {})
    what = f"{operation} to be tested: "
    require(not set(seen) <= DOORS, f"{what}something but {sorted(DOORS)}", f"not tested: {dict(seen)}")
    require(any(200 <= status < 300 for status in seen), f"{what}a success", f"not tested: {dict(seen)}")


def _remove_others(session: Session, before: set[str]) -> None:
    """Remove every asset of the account that was not there before, several at a time."""
    now = session.again()
    others = [asset.id for asset in now.assets() if asset.id not in before]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(now.remove, others))
    now.sign_out()
