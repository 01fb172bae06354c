"""What the tenant matrix compares, and how it finds the failure in what Hypothesis raises."""

from collections.abc import Mapping

import httpx2

from seatrial import Failure
from seatrial.probes.http import HttpAnswer
from suites.client.contract import operations
from suites.security._tenants import FORMS, essence, first_failure, said

ID, OTHER = "3f2b8c1e-1111-4222-8333-abcdefabcdef", "11111111-2222-4333-8444-555555555555"


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
    kind = {"content-type": "application/problem+json"}
    return HttpAnswer("GET", "https://x", status, httpx2.Headers({**kind, **headers}), body, 0.0, None)


def test_answers_that_differ_in_nothing_but_the_request_are_one() -> None:
    first = _answer(404, b'{"detail": "no", "instance": "1"}', {"x-request-id": "1", "date": "now"})
    second = _answer(404, b'{"detail": "no", "instance": "2"}', {"x-request-id": "2", "date": "then"})

    assert essence(first, ID) == essence(second, OTHER)


def test_an_answer_that_says_more_is_another() -> None:
    plain = essence(_answer(404, b'{"detail": "no"}', {}), ID)

    assert essence(_answer(403, b'{"detail": "no"}', {}), ID) != plain
    assert essence(_answer(404, b'{"detail": "not yours"}', {}), ID) != plain
    assert essence(_answer(404, b'{"detail": "no"}', {"x-owner": "a"}), ID) != plain


def test_an_answer_is_told_in_whole_words() -> None:
    assert said(_answer(500, b"x" * 200 + b" token=" + b"y" * 200, {})) == f"500 {'x' * 200} …"


def test_every_spelling_is_its_own() -> None:
    spelled = {form(ID) for form in FORMS.values()}

    assert len(spelled) == len(FORMS)


def test_the_failure_is_found_in_what_hypothesis_could_not_repeat() -> None:
    failure = Failure("a", "b")

    assert first_failure(failure) is failure
    assert first_failure(ExceptionGroup("flaky", [ValueError("x"), failure])) is failure
    assert first_failure(ValueError("x")) is None


def test_identifiers_are_found_wherever_a_request_names_a_thing() -> None:
    document = {
        "paths": {
            "/v1/things/{thing_id}": {
                "parameters": [{"in": "path", "name": "thing_id", "schema": {"type": "string"}}],
                "patch": {
                    "parameters": [
                        {"in": "query", "name": "parent", "schema": {"type": "string", "format": "uuid"}},
                        {"in": "query", "name": "width", "schema": {"type": "integer"}},
                    ],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
                },
            }
        },
        "components": {
            "schemas": {
                "Body": {
                    "type": "object",
                    "properties": {
                        "valid": {"type": "boolean"},
                        "parts": {"type": "array", "items": {"properties": {"ownerId": {"type": "string"}}}},
                    },
                }
            }
        },
    }

    assert operations(document)[0].identifiers == ("path thing_id", "query parent", "body ownerId")
