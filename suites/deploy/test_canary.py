"""A new release beside the old one: the same requests to both, at the same time, before everybody gets it."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from seatrial import MAJOR, Disrupt, Failure, Invalid, check, eventually, require
from seatrial.platform import Patch
from seatrial.statistics import Judgement, Rules, proportion_bounds
from seatrial.traffic import Shot, Traffic
from suites.client import Instance, instances, running
from suites.client.instances import HOSTS
from suites.deploy._canary import BASELINE, CANARY, SIDES, Kind, Shots, excused, judged, past, rows, upheld
from suites.deploy._requests import TIMEOUT_S, Ask, Met, shoot, watchable

# What makes a release of its own, and changes nothing that runs.
COMMENT = Patch(
    file="system/common/problem.py", find='"""Answer every error', replace='# canary\n"""Answer every error'
)
KINDS = ("list of assets", "playback link", "preview range")
WEIGHTS = {BASELINE: 3, CANARY: 1}
PER_S = 16  # requests of each kind to each side
WARM, MEASURED, FEWEST = 16, 200, 150
MOST_ROUNDS = 3
PUBLIC_PER_S = 10
READY_WITHIN_S = 30.0
SURE = 0.999


@dataclass(frozen=True)
class Pair:
    """The two instances of a service that are compared."""

    baseline: Instance
    canary: Instance

    def on(self, side: str) -> Instance:
        """Return the instance on that side."""
        return self.canary if side == CANARY else self.baseline


@check("DEP-CAN-01", severity=MAJOR, component="api", alone=True)
def test_a_canary_is_not_worse_than_the_release_beside_it(disrupt: Disrupt) -> None:
    """A new release on one instance of each service is as quick and fails as seldom as the old one beside it.

    Why it matters: what is wrong with a release often shows under real requests only, and a comparison with yesterday
    takes today's busy hour for a regression, or hides one. One instance that is told from its neighbours in seconds
    spares the others.

    How it is measured: the platform puts a release that differs in a comment on one instance of each service which
    has several; one other is started anew as it is, so that both are equally young. The ingress sends a quarter of
    the public requests to the canary, measured by GET /version, which names its instance. Meanwhile lists, playback
    links and 64 KB of a preview are asked of both sides directly, evenly spaced and in shuffled rounds, latency
    counted from the moment at which each was due. Latencies are compared by ranks (Brunner and Munzel) and by the
    share of the slowest twentieth, failures exactly; worse is more than targets.canary_ratio times as long or
    targets.canary_failed_share failed, with p < 0.002. First it is stated which regression these samples could show:
    as long as that is larger than targets.canary_sees_ratio or canary_sees_share, or there are fewer than 150 answers
    of a kind, more is asked, three times at most; then it is INVALID. Where anything looks slower all is asked
    again, and what is slower in that second sample counts, unless it is slower with the old release on the canary's
    instance, too: that is the instance, or the machine, and INVALID.

    Not covered: services with one instance, which no canary can be put beside; the worker; anything that shows later than
    this lasts (DEP-ROLL-06).
    """
    for call in ("canary", "restart"):
        if not disrupt.platform.offers(call):
            raise Invalid(f"the platform does not offer {call}")
    pairs, rules = _pairs(disrupt), _rules(disrupt)
    asks = _asks(disrupt, pairs)
    _put_beside(disrupt, pairs)
    with ExitStack() as stack:
        public = {service: stack.enter_context(_public(disrupt, service)) for service in pairs}
        shots = _sampled(asks, rules)
    found = judged(shots, WARM, rules)
    disrupt.evidence("smallest regression to be seen", found.sight)
    disrupt.evidence("canary beside baseline", rows(past(shots, WARM)))
    _require_split(disrupt, pairs, {name: [shot.answer for shot in each.shots] for name, each in public.items()})
    slower, unclear = _upheld(disrupt, asks, rules, found) if found.slower else ({}, {})
    with disrupt.cases(at_least=len(KINDS) + 1) as cases:
        for kind in KINDS:
            with cases(kind):
                expected = "the new release no slower than the old one beside it"
                require(kind not in slower, expected, f"{slower.get(kind)}; {found.sight}")
        with cases("failures"):
            expected = "the new release to fail no more often than the old one beside it"
            require(not found.failing, expected, f"{found.failing}; {found.sight}")
    if found.unknown or unclear:
        raise Invalid(
            "; ".join([found.unknown] * bool(found.unknown) + [f"{kind}: {why}" for kind, why in unclear.items()])
        )


def _pairs(disrupt: Disrupt) -> dict[str, Pair]:
    """Return the first and the last instance of each service that has several behind a public host."""
    found = {service: [each for each in instances(disrupt, service) if each.via] for service in HOSTS}
    pairs = {service: Pair(several[0], several[-1]) for service, several in found.items() if len(several) > 1}
    if not pairs.keys() >= {"api", "edge"}:
        raise Invalid(
            f"the profile lists several instances of {sorted(pairs) or 'no service'}; this takes api and edge"
        )
    return pairs


def _rules(disrupt: Disrupt) -> Rules:
    ratio, share, sees_ratio, sees_share = (
        float(disrupt.target(f"canary_{name}")) for name in ("ratio", "failed_share", "sees_ratio", "sees_share")
    )
    return Rules(fewest=FEWEST, ratio=ratio, failed_share=share, sees_ratio=sees_ratio, sees_share=sees_share)


def _asks(disrupt: Disrupt, pairs: dict[str, Pair]) -> list[Ask[Kind]]:
    """Return what is asked of each side in each round."""
    session, asset, link = watchable(disrupt)
    mine = {"Authorization": f"Bearer {session.tokens.access_token}"}
    part = {"Range": "bytes=0-65535", "Host": link.split("/")[2]}
    send = partial(disrupt.http.request, timeout_s=TIMEOUT_S)
    path, variant = f"api:/v1/assets/{asset.id}/playback", {"variant": "preview"}
    calls = (
        ("api", 200, partial(send, "GET", "api:/v1/assets?limit=20", headers=mine)),
        ("api", 201, partial(send, "POST", path, json=variant, headers=mine)),
        ("edge", 206, partial(send, "GET", link, headers=part)),
    )
    return [
        Ask(Kind(service, what, side), status, partial(call, via=pairs[service].on(side).via))
        for what, (service, status, call) in zip(KINDS, calls, strict=True)
        for side in SIDES
    ]


def _put_beside(disrupt: Disrupt, pairs: dict[str, Pair]) -> None:
    """Put the new release on the canaries, start the baselines anew, and turn a part of the public requests over.

    Raises Invalid where one of them is not ready before: to put a release on it would start it.
    """
    parts = disrupt.platform.status().parts
    compared = [pair.on(side).name for pair in pairs.values() for side in SIDES]
    if away := [f"{name} is {parts[name].state}" for name in compared if parts[name].state != "ready"]:
        raise Invalid(f"{', '.join(away)} before anything was struck")
    deployed = disrupt.platform.canary([pair.canary.name for pair in pairs.values()], [COMMENT])
    status = disrupt.platform.status()
    for pair in pairs.values():
        disrupt.platform.restart(pair.baseline.name, dict(status.part(pair.baseline.name).settings))
    weights = {
        service: {pair.on(side).name: weight for side, weight in WEIGHTS.items()} for service, pair in pairs.items()
    }
    disrupt.platform.restart("ingress", {**status.part("ingress").settings, "weights": weights})
    wanted = {CANARY: deployed.release, BASELINE: deployed.previous}
    if wanted[CANARY] == wanted[BASELINE]:
        raise Invalid(f"the canary runs the release of the others, {deployed.release}")
    for side, release in wanted.items():
        for pair in pairs.values():
            _await(disrupt, pair.on(side), release)


def _await(disrupt: Disrupt, instance: Instance, release: str) -> None:
    try:
        eventually(
            lambda: running(disrupt, instance).release == release,
            within_s=READY_WITHIN_S,
            what=f"release {release} of {instance.name}",
        )
    except Failure as failure:
        raise Invalid(str(failure)) from None


def _public(disrupt: Disrupt, service: str) -> Traffic[str]:
    """Ask the public host which instance answers; empty when none does."""
    url = f"{HOSTS[service]}:{disrupt.profile.services[service].version}"

    def ask() -> str:
        answer = disrupt.http.get(url, timeout_s=TIMEOUT_S)
        return str(answer.json().get("instance", "")) if answer.status == 200 else ""

    return Traffic(ask, per_s=PUBLIC_PER_S)


def _upheld(
    disrupt: Disrupt, asks: list[Ask[Kind]], rules: Rules, found: Judgement
) -> tuple[dict[str, str], dict[str, str]]:
    """Ask the same again, and what is slower again with the old release; returns what to blame on the release, and what is unclear."""
    shots = _sampled(asks, rules)
    disrupt.evidence("canary beside baseline once more", rows(past(shots, WARM)))
    slower, unclear = upheld(found, judged(shots, WARM, rules))
    if slower:
        disrupt.undo()
        shots = _sampled(asks, rules)
        disrupt.evidence("the old release on both", rows(past(shots, WARM)))
        unclear |= excused(slower, judged(shots, WARM, rules))
    return {kind: why for kind, why in slower.items() if kind not in unclear}, unclear


def _sampled(asks: list[Ask[Kind]], rules: Rules) -> Shots:
    """Ask until the samples can show what they must: how many that takes depends on how noisy the machine is, not on the release."""
    shots: list[Shot[Met[Kind]]] = []
    for _ in range(MOST_ROUNDS):
        shots += shoot(asks, per_s=PER_S, of_each=WARM + MEASURED)
        if not judged(shots, WARM, rules).unknown:
            break
    return shots


def _require_split(disrupt: Disrupt, pairs: dict[str, Pair], answered: dict[str, list[str]]) -> None:
    """Raise Invalid unless the canaries got their share of the public requests: else nobody would have met them."""
    seen = {}
    for service, pair in pairs.items():
        names = [name for name in answered[service] if name]
        reached, share = names.count(pair.canary.name), WEIGHTS[CANARY] / sum(WEIGHTS.values())
        seen[service] = f"{reached} of {len(names)} answers by {pair.canary.name}, {answered[service].count('')} failed"
        bounds = proportion_bounds(reached, max(1, len(names)), SURE)
        if not names or not bounds.low <= share <= bounds.high:
            raise Invalid(f"{seen[service]}; {share:.0%} were to be sent there")
    disrupt.evidence("public requests", seen)
