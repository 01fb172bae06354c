"""Bring the schema up and down: SQL files in dbmate's format and a small runner.

The runner adds what dbmate lacks: one runner at a time (advisory lock), checksums of what was applied, a lock time-out
with retries, and `transaction:false` files executed statement by statement.
"""

from system.migrations.files import Migration, MigrationError, load_migrations, split_statements
from system.migrations.runner import Applied, Runner

__all__ = ["Applied", "Migration", "MigrationError", "Runner", "load_migrations", "split_statements"]
