"""What can keep the edge from answering with an object."""

__all__ = ["ObjectChangedError", "ObjectMissingError"]


class ObjectMissingError(Exception):
    """The store has no such object."""


class ObjectChangedError(Exception):
    """The object was replaced between two requests to the store."""
