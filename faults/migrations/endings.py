"""What makes a migration that ends early, or two that start at once, leave a schema that nobody knows."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

RUNNER = "system/migrations/runner.py"
JOBS_FILE = "system/migrations/20261102090200_jobs.sql"


@fault("mig-no-lock", kind="code", takes_s=30.0, caught_by={"MIG-08": "two migrators at once"})
class NoLock(PatchedRelease):
    """The runner starts without the advisory lock, so that two of them work on the same revision.

    Source: https://www.postgresql.org/docs/16/explicit-locking.html#ADVISORY-LOCKS
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=RUNNER,
            find='self._connection.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone() != (True,):',
            replace='self._connection.execute("select true").fetchone() != (True,):',
        )
    ]


@fault(
    "mig-outside-transaction",
    kind="code",
    takes_s=30.0,
    caught_by={"MIG-08": "unexpected: relations public.job_kinds"},
)
class OutsideTransaction(PatchedRelease):
    """A revision that makes tables runs statement by statement, so that what came before a failure stays.

    Source: https://www.postgresql.org/docs/16/tutorial-transactions.html
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=JOBS_FILE, find="-- migrate:up\n", replace="-- migrate:up transaction:false\n")]


@fault(
    "mig-recorded-apart",
    kind="code",
    takes_s=30.0,
    caught_by={"MIG-08": "unexpected: functions set_updated_at()"},
)
class RecordedApart(PatchedRelease):
    """The runner records a revision after its transaction: one that ends between the two is applied and not known.

    Source: https://www.postgresql.org/docs/16/tutorial-transactions.html
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=RUNNER,
            find="(section.sql.encode())\n            self._connection.execute(record, values)\n",
            replace="(section.sql.encode())\n        self._connection.execute(record, values)\n",
        )
    ]
