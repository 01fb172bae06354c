"""What a machine may lack, and a test needs."""

import os
from typing import NoReturn

import pytest

VARIABLE = "SEATRIAL_LACKS"


def lacking(what: str, why: str) -> NoReturn:
    """Leave the test out where its caller has said that this is missing here, else fail it: who is not told misses nothing."""
    if what in os.environ.get(VARIABLE, "").split():
        pytest.skip(f"{what}: {why}")
    pytest.fail(f"{what}: {why}; where that cannot be helped, {VARIABLE}={what} leaves the tests out that need it")
