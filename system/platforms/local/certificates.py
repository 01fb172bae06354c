"""Replace the certificate of a store or of the ingress while it runs: another name, an expired or a self-signed one, the proper one."""

import signal
from dataclasses import dataclass
from typing import Any

from system.platforms.local import processes
from system.platforms.local.ca import LEAF_DAYS, LeafFiles, proper_names
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import State
from system.platforms.local.parts.ingress import LIFETIME_S, PUBLIC

INGRESS = "ingress"


@dataclass(frozen=True)
class Wanted:
    """What a certificate is to be; without any of it the proper one.

    Attributes:
        names: alternative names; empty for the proper ones.
        days: validity from now; zero or less makes an expired one.
        self_signed: not signed by the instance's authority.
        seconds: of the ingress alone: how long those live that it gets for itself, and renews.
        lost: of the ingress alone: its authority's key is deleted, so that it gets none, and does not start.
    """

    names: tuple[str, ...] = ()
    days: int = LEAF_DAYS
    self_signed: bool = False
    seconds: int = LIFETIME_S
    lost: bool = False

    @property
    def untrusted(self) -> bool:
        """Whether clients will refuse it."""
        return bool(self.names) or self.days <= 0 or self.self_signed

    @property
    def by_hand(self) -> bool:
        """Whether it is made for good, and no renewal will replace it."""
        return self.untrusted or self.days != LEAF_DAYS


async def replace_certificate(instance: Instance, name: str, wanted: Wanted) -> dict[str, Any]:
    """Issue a new certificate and have the part use it for every later connection; raises BadRequest.

    Args:
        instance: the instance.
        name: `postgres`, a server of Redis, or `ingress`.
        wanted: what it is to be.
    """
    places = ("postgres", *instance.redis.servers, INGRESS)
    if name not in places:
        raise BadRequest(f"only {', '.join(places)} have certificates to replace, not {name!r}")
    if name != INGRESS and (wanted.lost or wanted.seconds != LIFETIME_S):
        raise BadRequest(f"seconds and lost are for {INGRESS}, not {name!r}")
    keeper = instance.keeper(name)
    hosts = [instance.layout.addresses.host(each) for each in PUBLIC]
    proper = hosts if name == INGRESS else proper_names(name, keeper.part.endpoint)
    names = list(wanted.names) or proper
    leaf = None
    if name != INGRESS or wanted.by_hand:
        leaf = instance.authority.issue(name, names, days=wanted.days, self_signed=wanted.self_signed)
    if name == INGRESS:
        await _restart_ingress(instance, wanted, leaf)
    elif keeper.state is State.READY and keeper.pid is not None:
        if name == "postgres":
            server = instance.postgres.postmaster()
            processes.send([server] if server else [], signal.SIGHUP)
        else:
            await instance.redis.servers[name].reload_certificate()
    return {"part": name, "names": names, "proper": not (wanted.untrusted or wanted.lost)}


async def _restart_ingress(instance: Instance, wanted: Wanted, leaf: LeafFiles | None) -> None:
    """Have the ingress serve a leaf made by hand, or one of a new authority of its own below the root.

    A restart, because the ingress keeps what it has loaded, key of the authority included; it cuts connections once.
    """
    keeper, ingress = instance.keeper(INGRESS), instance.ingress
    await keeper.stop()
    ingress.by_hand, ingress.lifetime_s = leaf, wanted.seconds
    if wanted.lost:
        ingress.lose_authority()
    elif leaf is None:
        ingress.forget()
    keeper.start()
    if not (wanted.untrusted or wanted.lost):
        await keeper.wait_ready()
