"""What visitors do, one file each; a journey raises Failure when it meets anything but what was promised."""

from load.journeys._given import Given
from load.journeys.browse import browse
from load.journeys.play import play
from load.journeys.process import process
from load.journeys.promote import promote
from load.journeys.upload import upload

JOURNEYS = {"browse": browse, "play": play, "upload": upload, "process": process, "promote": promote}

__all__ = ["JOURNEYS", "Given", "browse", "play", "process", "promote", "upload"]
