"""ACL lines as values, and what rules allow."""

from typing import Any

import pytest

from suites.infra import _redis_acl as acl

TABLE = {
    "get": frozenset({"read", "string"}),
    "set": frozenset({"write", "string"}),
    "keys": frozenset({"read", "dangerous"}),
    "config": frozenset({"slow"}),
    "config|get": frozenset({"admin", "dangerous"}),
    "config|set": frozenset({"admin", "dangerous"}),
}


def test_a_line_is_read_with_all_that_is_in_it() -> None:
    line = "user api on sanitize-payload #aa #bb ~jobs:* %R~seen:* resetchannels &news -@all +@read (~x:* +set)"
    assert acl.parse(line) == acl.User(
        "api",
        on=True,
        passwords=2,
        keys=frozenset({"jobs:*", "%R~seen:*"}),
        channels=frozenset({"news"}),
        commands=("-@all", "+@read"),
        selectors=("(~x:* +set)",),
    )


def test_an_open_user_is_seen_as_one() -> None:
    user = acl.parse("user default on nopass ~* &* +@all")
    assert user.nopass
    assert user.keys == {"*"}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("-@all", set()),
        ("+@all", {"get", "set", "keys", "config|get", "config|set"}),
        ("-@all +@read", {"get", "keys"}),
        ("-@all +@read -@dangerous", {"get"}),
        ("+@all -config", {"get", "set", "keys"}),
        ("-@all +config|get", {"config|get"}),
        ("-@all +config", {"config|get", "config|set"}),
        ("+@all -config|set", {"get", "set", "keys", "config|get"}),
        ("-@read +@read", {"get", "keys"}),
        ("-@all +GET", {"get"}),
        ("-@all +nosuch", set()),
    ],
)
def test_rules_allow_in_their_order(rules: str, expected: set[str]) -> None:
    assert acl.allowed(rules.split(), TABLE) == expected


def test_the_same_rights_in_other_words_are_the_same() -> None:
    assert acl.allowed(["-@all", "+@read", "-keys"], TABLE) == acl.allowed(["-@all", "+get"], TABLE)


def test_the_table_of_commands_holds_subcommands() -> None:
    reply: list[list[Any]] = [
        ["GET", 2, [], 1, 1, 1, ["@read", "@string"], [], [], []],
        ["config", -2, [], 0, 0, 0, ["@slow"], [], [], [["config|get", -3, [], 0, 0, 0, ["@admin"], [], [], []]]],
    ]
    assert acl.command_table(reply) == {
        "get": frozenset({"read", "string"}),
        "config": frozenset({"slow"}),
        "config|get": frozenset({"admin"}),
    }


def test_users_of_replication_are_wanted_only_where_there_is_some() -> None:
    assert acl.declared().keys() - acl.declared(replicated=False).keys() == {"replica", "sentinel"}


def test_the_committed_declaration_gives_no_service_every_key_or_command() -> None:
    declared = acl.declared()
    assert {"admin", "api", "worker", "observer"} <= declared.keys()
    for name in ("api", "worker"):
        assert "*" not in declared[name].keys
        assert not acl.allowed(declared[name].commands, TABLE) & {"keys", "config|get", "config|set"}
