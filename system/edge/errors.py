"""What can keep the edge from answering with an object."""

from system.common.s3 import StoreUnavailableError

__all__ = ["ObjectChangedError", "ObjectMissingError", "ObjectSlowError", "ObjectUnavailableError"]


class ObjectMissingError(Exception):
    """The store has no such object."""


class ObjectChangedError(Exception):
    """The object was replaced between two requests to the store."""


class ObjectUnavailableError(StoreUnavailableError):
    """The store answers, and does not give this object, or not the one that it promised."""


class ObjectSlowError(ObjectUnavailableError):
    """The store gives the object, and did not get to its end in time."""
