"""Two checks for any HTTPS service with a PostgreSQL: copy, rename, add your own."""

from seatrial import BLOCKER, Observe, check, require

DAY_S = 86_400


@check("APP-TLS-01", severity=BLOCKER, component="app")
def test_the_certificate_is_good_for_a_while(observe: Observe) -> None:
    """The public certificate verifies and is not about to expire.

    Why it matters: an expired certificate takes every client down at once.
    How it is measured: one verified handshake; the first date at which anything in the chain expires.
    Not covered: renewal itself.
    """
    host = observe.profile.urls["app"].removeprefix("https://")
    answer = observe.tls.handshake(host, 443)
    require(answer.ok, "a chain that verifies", answer.error)
    left = observe.target("days_left")
    require(answer.not_after_s >= left * DAY_S, f"{left} days left", f"{answer.not_after_s / DAY_S:.1f} days")


@check("APP-PG-01", severity=BLOCKER, component="postgres")
def test_the_primary_is_the_declared_version(observe: Observe) -> None:
    """The database endpoint is a primary of the declared major version.

    Why it matters: an endpoint that follows a standby refuses every write.
    How it is measured: the catalogue, by a role that can only read.
    Not covered: replication.
    """
    [row] = observe.pg.rows(
        "select current_setting('server_version_num')::int / 10000 major, pg_is_in_recovery() standby"
    )
    require(not row["standby"], "a primary", "a standby")
    require(row["major"] == observe.target("postgres_major"), f"major {observe.target('postgres_major')}", row["major"])
