"""The rights of files that hold secrets, and how they are loosened and given back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import HarnessError
from seatrial.facets.files import DestroyFiles, ObserveFiles
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.scope import Scope


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder: a secret, a pair behind a link, and one that no reference names."""
    state = tmp_path / "state"
    pair = state / "secrets" / "pair.d" / "one"
    pair.mkdir(parents=True)
    for path in (state / "secrets" / "password", pair / "access", state / "secrets" / "unnamed"):
        path.write_text("x")
        path.chmod(0o600)
    (state / "secrets" / "pair.access").symlink_to("pair.d/one/access")
    return state


def test_everything_beside_a_named_secret_is_seen_and_links_are_followed(
    scope: Callable[..., Scope], state: Path
) -> None:
    secrets = state / "secrets"
    named = (secrets / "password", secrets / ".." / "secrets" / "pair.access")

    seen = ObserveFiles(scope(state=state, secret_files=named)).secrets()

    assert [(each.path.relative_to(state).as_posix(), each.is_folder) for each in seen] == [
        ("secrets", True),
        ("secrets/pair.d", True),
        ("secrets/pair.d/one", True),
        ("secrets/pair.d/one/access", False),
        ("secrets/password", False),
        ("secrets/unnamed", False),
    ]
    assert {each.mode for each in seen if not each.is_folder} == {0o600}
    assert {each.owner for each in seen} == {ObserveFiles(scope(state=state)).owner}


def test_without_a_named_secret_nothing_is_seen(scope: Callable[..., Scope], state: Path) -> None:
    assert ObserveFiles(scope(state=state, secret_files=())).secrets() == ()


def test_loosened_rights_come_back(scope: Callable[..., Scope], state: Path) -> None:
    logged: list[tuple[str, dict[str, Any]]] = []
    file = state / "secrets" / "password"
    struck = scope(Level.DESTROY, undo=lambda do, args: logged.append((do, args)), state=state)

    DestroyFiles(struck).chmod(file, 0o644)

    assert file.stat().st_mode & 0o777 == 0o644
    for _ in range(2):
        invert(*logged[0], struck)
        assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    invert(*logged[0], struck)


def test_nothing_outside_of_the_state_folder_is_touched(scope: Callable[..., Scope], state: Path) -> None:
    outside = state.parent / "outside"
    outside.write_text("x")
    (state / "link").symlink_to(outside)

    for path in (outside, state / "link", state / ".." / "outside"):
        with pytest.raises(HarnessError, match="outside"):
            DestroyFiles(scope(Level.DESTROY, state=state)).chmod(path, 0o644)


def test_a_hidden_file_comes_back_unless_it_was_made_anew(scope: Callable[..., Scope], state: Path) -> None:
    logged: list[tuple[str, dict[str, Any]]] = []
    file = state / "secrets" / "password"
    held = file.read_text()
    struck = scope(Level.DESTROY, undo=lambda do, args: logged.append((do, args)), state=state)

    DestroyFiles(struck).hide(file)

    assert not file.exists()
    for _ in range(2):
        invert(*logged[0], struck)
        assert file.read_text() == held
    DestroyFiles(struck).hide(file)
    file.write_text("anew")
    invert(*logged[0], struck)
    assert file.read_text() == "anew"
    assert not file.with_name("password.hidden").exists()
