"""The standby: it is the declared one, it streams, and it is close behind."""

from functools import partial
from typing import Any

from seatrial import BLOCKER, Invalid, Observe, check, eventually, require

SENDERS = """
select application_name as name, state, sync_state, usename as role, host(client_addr) as address,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint as lag_bytes
from pg_stat_replication where state <> 'backup' order by 1
"""
IDENTITY = """
select (select system_identifier from pg_control_system()) as cluster, pg_is_in_recovery() as in_recovery,
       case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end as replay
"""
RECEIVER = "select status, slot_name, received_tli, sender_host, sender_port from pg_stat_wal_receiver"
SLOT = "select active, wal_status from pg_replication_slots where slot_name = %(slot)s"
POSITION = "select pg_current_wal_lsn()::text as lsn, timeline_id as timeline from pg_control_checkpoint()"
REPLAYED = """
select pg_last_wal_replay_lsn() >= %(lsn)s::pg_lsn as done,
       pg_wal_lsn_diff(%(lsn)s::pg_lsn, pg_last_wal_replay_lsn())::bigint as missing_bytes,
       extract(epoch from now() - pg_last_xact_replay_timestamp())::float as newest_replayed_age_s
"""


@check("INF-PG-06", severity=BLOCKER, component="postgres")
def test_each_standby_streams_and_is_close_behind(observe: Observe) -> None:
    """Every standby that the profile declares streams from this primary, no other does, and its lag is under the budget.

    Why it matters: a standby that stopped following is noticed on the day the primary dies: then it has yesterday's data,
    or none. A stranger that streams has a copy of everything.

    How it is measured: the primary names who streams (pg_stat_replication) and how many bytes each is behind, which must
    not exceed targets.postgres_standby_lag_bytes. Each declared standby is asked at its own address: it must be in recovery,
    of the same cluster and timeline, receiving from the declared endpoint over a slot that the primary still serves, and not
    paused. The primary's position of now must be replayed there within targets.postgres_standby_lag_s; the age of the newest
    replayed transaction alone would call an idle system late.

    Not covered: that the standby can be promoted (DR-PG-01, DR-PG-02); loss at a failover, which an asynchronous standby
    allows up to its lag.
    """
    place = observe.profile.postgres
    if place is None or not place.standbys:
        raise Invalid("the profile names no [postgres.standbys.NAME]")
    most_bytes = int(observe.target("postgres_standby_lag_bytes"))
    within_s = float(observe.target("postgres_standby_lag_s"))
    cluster = observe.pg.rows(IDENTITY)[0]["cluster"]
    with observe.cases(at_least=1 + 4 * len(place.standbys)) as cases:
        for name, declared in place.standbys.items():
            with cases(f"{name} streams"):
                eventually(
                    partial(_streams, observe, name),
                    within_s=within_s,
                    what=f"{name} in state streaming, as the primary says",
                    where=name,
                )
            with cases(f"{name} is the declared standby"):
                own = observe.pg.standby(name).rows(IDENTITY)[0]
                where = f"{declared.address or declared.host}:{declared.port}"
                require(own["in_recovery"], f"the server at {where} in recovery", "it is a primary", name)
                require(own["cluster"] == cluster, f"a copy of cluster {cluster}", f"cluster {own['cluster']}", name)
                require(own["replay"] == "not paused", "replay goes on", f"replay is {own['replay']}", name)
            with cases(f"{name} receives from the primary"):
                _require_receiver(observe, name)
            with cases(f"{name}: lag in bytes"):
                row = _sender(observe, name)
                behind = row["lag_bytes"] if row else None
                require(
                    behind is not None and behind <= most_bytes,
                    f"at most {most_bytes} bytes behind",
                    f"{behind} bytes" if row else "the primary sends it nothing",
                    name,
                )
            with cases(f"{name}: lag in seconds"):
                _require_replayed(observe, name, within_s)
        with cases("nobody else streams"):
            senders = observe.pg.rows(SENDERS)
            observe.evidence("streaming", senders)
            strange = [f"{row['name']} as {row['role']} from {row['address']}" for row in senders]
            strange = [line for line, row in zip(strange, senders, strict=True) if row["name"] not in place.standbys]
            require(not strange, f"only {', '.join(place.standbys)} streams", f"also: {'; '.join(strange)}")


def _sender(observe: Observe, name: str) -> dict[str, Any] | None:
    return next((row for row in observe.pg.rows(SENDERS) if row["name"] == name), None)


def _streams(observe: Observe, name: str) -> bool:
    row = _sender(observe, name)
    require(row and row["state"] == "streaming", "state streaming", row["state"] if row else "not connected", name)
    return True


def _require_receiver(observe: Observe, name: str) -> None:
    place = observe.profile.postgres
    received = observe.pg.standby(name).rows(RECEIVER)
    status = received[0]["status"] if received else "no receiver runs"
    require(status == "streaming", "the standby's receiver in state streaming", status, name)
    sender = f"{received[0]['sender_host']}:{received[0]['sender_port']}"
    declared = [f"{host}:{place.port}" for host in (place.host, place.address)] if place else []
    require(sender in declared, "received from the declared endpoint", sender, name)
    timeline = observe.pg.rows(POSITION)[0]["timeline"]
    seen = received[0]["received_tli"]
    require(seen == timeline, f"the primary's timeline {timeline}", f"timeline {seen}", name)
    slot = received[0]["slot_name"]
    require(slot, "a slot, so that the primary keeps what the standby still needs", "none", name)
    rows = observe.pg.rows(SLOT, {"slot": slot})
    kept = bool(rows) and rows[0]["active"] and rows[0]["wal_status"] in {"reserved", "extended"}
    require(kept, f"slot {slot} active and its WAL kept", rows[0] if rows else "no such slot", name)


def _require_replayed(observe: Observe, name: str, within_s: float) -> None:
    lsn = observe.pg.rows(POSITION)[0]["lsn"]
    seen: dict[str, Any] = {}

    def replayed() -> bool:
        seen.update(observe.pg.standby(name).rows(REPLAYED, {"lsn": lsn})[0])
        require(seen["done"], f"{lsn} replayed", f"{seen['missing_bytes']} bytes are missing", name)
        return True

    try:
        eventually(replayed, within_s=within_s, what=f"the primary's position {lsn} replayed", where=name)
    finally:
        observe.evidence(f"replay of {name}", {"position": lsn, **seen})
