"""Bring a video."""

from load.journeys._given import Given
from suites.client import Asset


def upload(given: Given) -> None:
    """Announce a file, send its bytes to the object store, and say that they are there."""
    uploaded(given)


def uploaded(given: Given) -> Asset:
    """Upload and return the asset, noted for removal."""
    created = given.session.create(given.marker, given.content)
    given.note(created.asset)
    if created.upload is None:
        return created.asset
    return given.session.complete(created.asset.id, given.session.put(created.upload, given.content))
