"""Questions to name servers as a handle offers them."""

from seatrial.probes import names
from seatrial.probes.names import NameAnswer
from seatrial.scope import Scope


class ObserveNames:
    """Ask the name server that the profile names, or the machine's own resolvers."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def ask(self, name: str, kind: str = "A") -> NameAnswer:
        """Ask for the records of a kind, aliases followed; see `probes.names.ask`."""
        self._scope.meter.add(requests=1)
        place = self._scope.profile.dns
        return names.ask(name, kind, server=place.server_place if place else None)
