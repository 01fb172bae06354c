"""Latency and failures of the journeys' endpoints, as users who do not wait for each other meet them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.statistics import quantile
from seatrial.traffic import Shot
from suites.deploy._budgets import ALL, FEWEST, Budget, Sample, Weighed, weigh
from suites.deploy._requests import TIMEOUT_S, Ask, Met, shoot, watchable

PER_S, SECONDS = 12, 10  # requests to each endpoint
WINDOWS = 3
CONTROL = "control"
NOISE_AT = 0.95
CURVE = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)


@check("DEP-PERF-01", severity=MAJOR, component="api", alone=True)
def test_answers_come_within_budget(exercise: Exercise) -> None:
    """p50, p95 and p99 of the journeys' endpoints, and the share that fails, stay within the profile's budget.

    Why it matters: a release that adds a fifth of a second to each list, or fails one request in fifty, passes every
    check that asks once; and a client that waits for one answer before it asks again sees an outage as one slow request.

    How it is measured: twelve requests a second for ten seconds to each of six endpoints, through the public hosts, each
    at its own moment whether or not earlier ones are answered; latency counts from that moment. They are the list of
    assets, one asset, a playback link, 64 KB of the preview, the page to sign in and the page of assets. targets.budgets
    holds p50, p95, p99 and the share of failures of each, and of all together. Over budget is what is so with 99 %
    confidence, by order statistics, failures exactly; over it in this sample only may be chance. In between, as many
    requests go to a control that runs no code of the product, the balancer's own redirect. When that takes longer than
    targets.noise_ms at the 95th percentile, or requests begin later than that, nothing over budget can be told from a busy
    machine. What cannot be told is measured anew, three times altogether, and then INVALID. So are fewer than 100 requests
    to an endpoint, and 429, which says that the runner is limited.

    Not covered: uploads (DEP-FLOW-01); signing in, which is slow on purpose; more users at once than these.
    """
    asks = _asks(exercise)
    budgets = {budget.endpoint: budget for budget in map(Budget.parse, exercise.target("budgets"))}
    measured = {ask.kind for ask in asks if ask.kind != CONTROL}
    if budgets.keys() != measured | {ALL}:
        raise Invalid(f"targets.budgets names {sorted(budgets)}, measured are {sorted(measured | {ALL})}")
    noise_ms = float(exercise.target("noise_ms"))
    *blurred, window = until_clear(lambda: _measured(asks, budgets, noise_ms))
    exercise.evidence("latency and failures", [each.row for each in window.weighed.values()])
    exercise.evidence("latency by percentile", _curves([*window.samples.values(), window.control]))
    exercise.evidence("control", {"p95 ms": window.control_ms, "noise": window.noise})
    exercise.evidence("measured anew", [each.blur for each in blurred])
    failures = {f"{met.kind}: {met.failure}" for met in (shot.answer for shot in window.shots) if met.failure}
    exercise.evidence("failures", sorted(failures)[:5])
    _judge(exercise, window)


@dataclass(frozen=True)
class Window:
    """What was measured at one time; `noise` says what makes this machine too busy to blame anybody for what is slow."""

    shots: list[Shot[Met[str]]]
    samples: dict[str, Sample]
    control: Sample
    weighed: dict[str, Weighed]
    noise: str

    @property
    def blur(self) -> str:
        """Say what is over budget by chance, or by a busy machine, as far as can be told; empty when nothing is."""
        over = [line for each in self.weighed.values() for line in each.unclear]
        if self.noise:
            over += [f"{name}: {line}" for name, each in self.weighed.items() for line in each.beyond]
        return f"over budget, but {self.noise or 'this may be chance'}: {'; '.join(over)}" if over else ""

    @property
    def control_ms(self) -> float:
        """What the control took at the 95th percentile."""
        return round(quantile(self.control.latencies_ms or [-1], NOISE_AT), 1)


def until_clear(measure: Callable[[], Window]) -> list[Window]:
    """Measure until it can be told whether something is over budget, three times at most."""
    windows = [measure()]
    while windows[-1].blur and len(windows) < WINDOWS:
        windows.append(measure())
    return windows


def _measured(asks: list[Ask[str]], budgets: Mapping[str, Budget], noise_ms: float) -> Window:
    shots = shoot(asks, per_s=PER_S, of_each=PER_S * SECONDS)
    samples = {name: _sample(name, shots) for name in (ask.kind for ask in asks)}
    control = samples.pop(CONTROL)
    samples[ALL] = _sample(ALL, [shot for shot in shots if shot.answer.kind != CONTROL])
    weighed = {name: weigh(sample, budgets[name]) for name, sample in samples.items()}
    lags_ms = [1000 * (shot.began_s - shot.due_s) for shot in shots]
    return Window(shots, samples, control, weighed, _noise(control, lags_ms, noise_ms))


def _judge(exercise: Exercise, window: Window) -> None:
    if limited := sum(shot.answer.limited for shot in window.shots):
        raise Invalid(f"{limited} of {len(window.shots)} requests got 429: this runner's address is limited")
    if few := [f"{sample.requests} of {name}" for name, sample in window.samples.items() if sample.requests < FEWEST]:
        raise Invalid(f"fewer than {FEWEST} requests: {', '.join(few)}")
    with exercise.cases(at_least=len(window.weighed)) as cases:
        for name, each in window.weighed.items():
            with cases(name):
                require(window.noise or not each.beyond, f"{name} within its budget", "; ".join(each.beyond))
    if window.blur:
        raise Invalid(window.blur)


def _asks(exercise: Exercise) -> list[Ask[str]]:
    session, asset, link = watchable(exercise)
    cookie = {"Cookie": f"__Host-access={session.tokens.access_token}"}
    path, asked = f"/v1/assets/{asset.id}", {"variant": "preview"}
    get = exercise.http.get
    return [
        Ask("list of assets", 200, partial(session.call, "GET", "/v1/assets?limit=20", timeout_s=TIMEOUT_S)),
        Ask("one asset", 200, partial(session.call, "GET", path, timeout_s=TIMEOUT_S)),
        Ask("playback link", 201, partial(session.call, "POST", f"{path}/playback", json=asked, timeout_s=TIMEOUT_S)),
        Ask("preview range", 206, partial(get, link, headers={"Range": "bytes=0-65535"}, timeout_s=TIMEOUT_S)),
        Ask("page to sign in", 200, partial(get, "app:/sign-in", timeout_s=TIMEOUT_S)),
        Ask("page of assets", 200, partial(get, "app:/", headers=cookie, timeout_s=TIMEOUT_S)),
        Ask(CONTROL, 308, partial(get, "redirect:/", timeout_s=TIMEOUT_S)),
    ]


def _sample(endpoint: str, shots: list[Shot[Met[str]]]) -> Sample:
    mine = [shot for shot in shots if endpoint in {ALL, shot.answer.kind}]
    served = [1000 * (shot.ended_s - shot.due_s) for shot in mine if not shot.answer.failure]
    return Sample(endpoint, served, len(mine) - len(served))


def _curves(samples: list[Sample]) -> dict[str, object]:
    """Return what the report draws: one curve of latencies for each endpoint."""
    served = {sample.endpoint: sample.latencies_ms for sample in samples if sample.latencies_ms}
    return {
        "unit": "ms",
        "at": [f"p{share * 100:g}" for share in CURVE],
        "curves": {name: [round(quantile(values, share), 2) for share in CURVE] for name, values in served.items()},
    }


def _noise(control: Sample, lags_ms: list[float], limit_ms: float) -> str:
    """Say what makes this machine too busy to blame anybody for what is slow; empty when nothing does."""
    if control.failed:
        return f"the control failed {control.failed} of {control.requests} times"
    late = {"the control took": control.latencies_ms, "requests began late by": lags_ms}
    found = {name: quantile(values, NOISE_AT) for name, values in late.items()}
    said = [f"{name} {value:.0f} ms" for name, value in found.items() if value > limit_ms]
    return f"{' and '.join(said)} at the 95th percentile ({limit_ms:g} ms)" if said else ""
