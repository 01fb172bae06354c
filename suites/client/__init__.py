"""The product's client, written from the published contract: what suites, faults and load talk to the system with."""

from suites.client.answers import Asset, Created, Master, Part, Playback, Tokens, Unfinished, Upload
from suites.client.clips import Clip, camera_clip, generated_clip, poison_clip
from suites.client.given import (
    another_account,
    end,
    made_up_address,
    masters_are_removable,
    ready_asset,
    remove,
    remove_object,
    require_removable_masters,
    signed_in,
    small_clip,
    uploaded_asset,
)
from suites.client.instances import Instance, Running, doors, every_instance_runs, instances, running
from suites.client.refusals import require_refused
from suites.client.session import Client, Session, announcement

__all__ = [
    "Asset",
    "Client",
    "Clip",
    "Created",
    "Instance",
    "Master",
    "Part",
    "Playback",
    "Running",
    "Session",
    "Tokens",
    "Unfinished",
    "Upload",
    "announcement",
    "another_account",
    "camera_clip",
    "doors",
    "end",
    "every_instance_runs",
    "generated_clip",
    "instances",
    "made_up_address",
    "masters_are_removable",
    "poison_clip",
    "ready_asset",
    "remove",
    "remove_object",
    "require_refused",
    "require_removable_masters",
    "running",
    "signed_in",
    "small_clip",
    "uploaded_asset",
]
