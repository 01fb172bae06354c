"""Bring the schema up and down: SQL files in dbmate's format and a small runner.

The runner adds what dbmate lacks: one runner at a time (advisory lock), checksums of what was applied, a lock time-out
with retries, `transaction:false` files executed statement by statement, and phases. `expand` adds; `backfill` repeats each
of its statements, in a transaction of its own, until it changes no row; `contract` takes away, is refused while another
release than this one serves (`--old RELEASE`), and kept back where nobody says that none does (`--old` alone).
"""

from system.migrations.files import Migration, MigrationError, load_migrations, split_statements
from system.migrations.runner import Applied, Runner

__all__ = ["Applied", "Migration", "MigrationError", "Runner", "load_migrations", "split_statements"]
