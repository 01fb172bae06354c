"""Bring a video and make it a master."""

from load.journeys._given import Given, ready
from load.journeys.upload import uploaded


def promote(given: Given) -> None:
    """Upload, wait for the preview, and promote the original."""
    asset = ready(given, uploaded(given))
    given.note(given.session.promote(asset.id))
