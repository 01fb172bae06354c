"""Keys of external services as `exercise` offers them: asked for what they may do, never used."""

from seatrial.errors import HarnessError
from seatrial.probes import cloud, keys, wire
from seatrial.probes.keys import Right
from seatrial.scope import Scope

DIGITALOCEAN = "https://api.digitalocean.com"


class ExerciseExternal:
    """The keys that the profile declares under [external], by their names there."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def rights(self, name: str) -> list[Right]:
        """Ask a service what the key may do; keys of the object store are asked by `s3.service`."""
        external, meter = self._scope.profile.external[name], self._scope.meter
        key = self._scope.credentials(external.credential)
        match external.kind:
            case "digitalocean":
                client = cloud.client(external.endpoint or DIGITALOCEAN, external.ca, key.password)
                try:
                    return keys.digitalocean(client, meter)
                finally:
                    client.close()
            case "smtp":
                return keys.smtp(external.endpoint, external.ca, key, meter)
            case "slack" | "sentry":
                ask = keys.slack if external.kind == "slack" else keys.sentry
                with wire.client(self._scope.profile.resolve, external.ca) as http:
                    return ask(http, key, meter)
        raise HarnessError(f"a key of kind {external.kind} is not asked here")
