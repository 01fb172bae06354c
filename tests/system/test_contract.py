"""The committed contract is what the code serves, and documents each error as a problem."""

import json
from pathlib import Path
from typing import Any

import system.api
from system.api.app import LARGEST_BODY_BYTES, create_app
from system.api.models import Completion, UploadedPart

CONTRACT = Path(system.api.__file__).with_name("openapi.json")
PUBLIC = {"/livez", "/readyz", "/version", "/v1/sessions", "/v1/sessions/refresh"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    document = json.loads(CONTRACT.read_text())
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_the_committed_contract_is_current() -> None:
    assert json.loads(CONTRACT.read_text()) == create_app(None).openapi(), "run: python -m system.api openapi"


def test_every_error_is_documented_as_a_problem() -> None:
    offenders = [
        (path, method, status)
        for path, method, operation in operations()
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        and (path, status) != ("/readyz", "503")
        and list(answer["content"]) != ["application/problem+json"]
    ]
    assert offenders == []


def test_every_operation_but_the_public_ones_asks_for_a_token() -> None:
    open_to_all = {path for path, _method, operation in operations() if "security" not in operation}
    assert open_to_all == PUBLIC


def test_no_validation_error_of_the_framework_is_left_in_it() -> None:
    assert "HTTPValidationError" not in CONTRACT.read_text()


def test_the_largest_completion_that_the_contract_allows_fits_into_a_body() -> None:
    schemas = json.loads(CONTRACT.read_text())["components"]["schemas"]
    fields = schemas["UploadedPart"]["properties"]
    part = UploadedPart(
        part_number=int(fields["part_number"]["maximum"]), etag='"' + "a" * (fields["etag"]["maxLength"] - 2) + '"'
    )
    listed = next(each for each in schemas["Completion"]["properties"]["parts"]["anyOf"] if each["type"] == "array")

    body = Completion(parts=[part] * listed["maxItems"]).model_dump()

    assert len(json.dumps(body)) <= LARGEST_BODY_BYTES
