"""Load on an environment: Locust as a process of its own, what it told, and the pages and trends made of that."""

from seatrial.load._run import Flight, Wanted, fly

__all__ = ["Flight", "Wanted", "fly"]
