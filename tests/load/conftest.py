"""The servers and the authority of the probes' tests."""

from tests.probes.conftest import authority, serve

__all__ = ["authority", "serve"]
