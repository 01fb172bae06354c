"""The servers and the authority of the probes' tests, for whole checks."""

from tests.probes.conftest import authority, serve

__all__ = ["authority", "serve"]
