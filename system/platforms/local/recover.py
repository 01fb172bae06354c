"""Deleted and overwritten objects of the instance's own store, brought back with the key that is for this alone."""

import datetime as dt
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from system.platforms.local.buckets import store_client
from system.platforms.local.errors import PlatformError
from system.platforms.local.instance import Instance


def recover(instance: Instance, bucket: str, prefix: str, at: dt.datetime, *, dry_run: bool) -> dict[str, Any]:
    """Bring the objects below a prefix back to what they were; blocks, so run it in a thread. Raises PlatformError."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import, see buckets

    keys = (instance.secrets.read(f"s3-restore.{part}") for part in ("access", "secret"))
    client = store_client(instance.layout, *keys)
    try:
        outcome = _of_release(instance).recover_objects(client, bucket, prefix, at, dry_run=dry_run)
    except (BotoCoreError, ClientError, ValueError, RuntimeError) as error:
        raise PlatformError(f"objects of {bucket}/{prefix} are not all back: {error}") from None
    taken = [
        {"key": each.key, "version": each.version_id, "modified": each.modified.isoformat(), "was": each.was}
        for each in outcome.taken
    ]
    return {"taken": taken, "unchanged": outcome.unchanged, "later": outcome.later}


def _of_release(instance: Instance) -> Any:
    """Give the product's module as the release in force has it."""
    file = instance.releases.path(instance.release) / "system" / "recovery" / "objects.py"
    loader = SourceFileLoader("recovery_of_release", str(file))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module
