"""What a setting is for the sessions of a role, asked of the catalogue without being that role.

PostgreSQL takes the first of: role in database, role, database, all roles, server (source: `process_settings()` in
postinit.c, and the manual's chapter "Setting Parameters").
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import Failure, Invalid, Observe

_ASSIGNED = """
select coalesce(d.datname, '') as database, coalesce(r.rolname, '') as role,
       lower(split_part(entry, '=', 1)) as name, substr(entry, strpos(entry, '=') + 1) as value
from pg_db_role_setting s
left join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) entry
where s.setdatabase = 0 or d.datname = current_database()
"""
_SERVER = """
select lower(name) as name, setting || case when unit = 'ms' then 'ms' else '' end as value, source
from pg_settings where lower(name) = any(%(names)s)
"""
_ROLES = "select rolname, rolcanlogin from pg_roles where rolname = any(%(roles)s)"
# Sources of a value that stands for the asking session alone, and hides the server's own.
_OWN = frozenset({"user", "database user", "client", "session"})
_UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*")


@dataclass(frozen=True)
class Effective:
    """A setting's value for a role, and who decided it ("server", "role api", "database seatrial", ...)."""

    value: str
    source: str

    def __str__(self) -> str:
        return f"{self.value} (set for {self.source})"


class RoleSettings:
    """The settings of service roles.

    Args:
        assigned: rows with database, role, name, value; empty text where the setting is for all of them.
        server: name -> (value, source) as the asking session sees it.
    """

    def __init__(self, assigned: Iterable[Mapping[str, Any]], server: Mapping[str, tuple[str, str]]) -> None:
        self._assigned = {(row["name"], row["role"], bool(row["database"])): str(row["value"]) for row in assigned}
        self._server = server

    @classmethod
    def read(cls, observe: Observe, roles: tuple[str, ...], names: tuple[str, ...]) -> "RoleSettings":
        """Ask the server; raises Failure for a role that is not there or may not sign in."""
        there = {row["rolname"]: row["rolcanlogin"] for row in observe.pg.rows(_ROLES, {"roles": list(roles)})}
        for role in roles:
            if not there.get(role):
                raise Failure(f"a role {role} that may sign in", "no such role" if role not in there else "NOLOGIN")
        lowered = [name.lower() for name in names]
        server = {
            row["name"]: (str(row["value"]), str(row["source"])) for row in observe.pg.rows(_SERVER, {"names": lowered})
        }
        if missing := set(lowered) - server.keys():
            raise Failure(f"the settings {', '.join(sorted(missing))}", "the server does not know them")
        return cls(observe.pg.rows(_ASSIGNED), server)

    def of(self, role: str, name: str) -> Effective:
        """Return what a new session of the role gets; raises Invalid where only the asker's own value can be seen."""
        wanted = name.lower()
        for who, in_database, source in (
            (role, True, f"role {role} in this database"),
            (role, False, f"role {role}"),
            ("", True, "this database"),
            ("", False, "all roles"),
        ):
            if (wanted, who, in_database) in self._assigned:
                return Effective(self._assigned[wanted, who, in_database], source)
        return self.of_server(name)

    def of_server(self, name: str) -> Effective:
        """Return the server's own value; raises Invalid where the asking session's own hides it."""
        value, source = self._server[name.lower()]
        if source in _OWN:
            raise Invalid(
                f"the server's {name} cannot be seen: the observing role has a value of its own (source: {source}); "
                f"remove it from that role"
            )
        return Effective(value, "server")


def is_on(value: str) -> bool:
    """Read a boolean as PostgreSQL does: any unambiguous beginning of true, yes, on, or 1."""
    text = value.strip().lower()
    return text in {"on", "1"} or (text != "" and ("true".startswith(text) or "yes".startswith(text)))


def milliseconds(value: str) -> float:
    """Read a time-out as PostgreSQL does; a bare number is milliseconds. Raises Failure for anything else."""
    found = _TIME.fullmatch(value)
    if not found:
        raise Failure("a time such as 5s", value)
    return float(found[1]) * _UNITS_MS[found[2] or "ms"]
