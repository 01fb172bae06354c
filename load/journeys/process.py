"""Bring a video and wait until it can be watched."""

from load.journeys._given import Given, ready
from load.journeys.upload import uploaded


def process(given: Given) -> None:
    """Upload, and ask twice a second until the preview is there."""
    ready(given, uploaded(given))
