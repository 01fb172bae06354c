import pytest

from tests.lacking import VARIABLE, lacking


def test_what_is_lacking_fails_a_test_and_says_how_to_leave_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ipv6")
    with pytest.raises(pytest.fail.Exception, match=f"mounts: not permitted; .* {VARIABLE}=mounts leaves"):
        lacking("mounts", "not permitted")


def test_what_the_caller_says_is_lacking_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ipv6 mounts")
    with pytest.raises(pytest.skip.Exception, match="mounts: not permitted"):
        lacking("mounts", "not permitted")
