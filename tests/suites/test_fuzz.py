"""The fuzzer's run ends when somebody ends it."""

from typing import Any

import pytest

from suites.security._fuzz import fuzz, load

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "one route", "version": "1"},
    "paths": {"/things": {"get": {"responses": {"200": {"description": "things"}}}}},
}


def test_an_interrupt_in_the_midst_of_a_phase_ends_the_run() -> None:
    schema = load(DOCUMENT, base_url="http://127.0.0.1:1", seed=1, examples=2, steps=2)

    @schema.auth(refresh_interval=None)
    class Interrupted:
        def get(self, _case: Any, _context: Any) -> str:
            raise KeyboardInterrupt

        def set(self, _case: Any, _token: str, _context: Any) -> None:
            raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        fuzz(schema)
