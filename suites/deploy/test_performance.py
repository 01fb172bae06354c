"""Latency and failures of the journeys' endpoints, as users who do not wait for each other meet them."""

from functools import partial

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.statistics import quantile
from seatrial.traffic import Shot
from suites.deploy._budgets import ALL, FEWEST, Budget, Sample, weigh
from suites.deploy._requests import TIMEOUT_S, Ask, Met, shoot, watchable

PER_S, SECONDS = 12, 10  # requests to each endpoint
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
    confidence, by order statistics, failures exactly; over it in this sample only is INVALID. In between, as many
    requests go to a control that runs no code of the product, the balancer's own redirect. When that takes longer than
    targets.noise_ms at the 95th percentile, or requests begin later than that, nothing over budget can be told from a busy
    machine: INVALID. So are fewer than 100 requests to an endpoint, and 429, which says that the runner is limited.

    Not covered: uploads (DEP-FLOW-01); signing in, which is slow on purpose; more users at once than these.
    """
    asks = _asks(exercise)
    budgets = {budget.endpoint: budget for budget in map(Budget.parse, exercise.target("budgets"))}
    measured = {ask.kind for ask in asks if ask.kind != CONTROL}
    if budgets.keys() != measured | {ALL}:
        raise Invalid(f"targets.budgets names {sorted(budgets)}, measured are {sorted(measured | {ALL})}")
    shots = shoot(asks, per_s=PER_S, of_each=PER_S * SECONDS)
    samples = {name: _sample(name, shots) for name in (ask.kind for ask in asks)}
    control = samples.pop(CONTROL)
    noise = _noise(control, [1000 * (shot.began_s - shot.due_s) for shot in shots], float(exercise.target("noise_ms")))
    samples[ALL] = _sample(ALL, [shot for shot in shots if shot.answer.kind != CONTROL])
    weighed = {name: weigh(sample, budgets[name]) for name, sample in samples.items()}
    exercise.evidence("latency and failures", [each.row for each in weighed.values()])
    exercise.evidence("latency by percentile", _curves([*samples.values(), control]))
    exercise.evidence("control", {"p95 ms": round(quantile(control.latencies_ms or [-1], NOISE_AT), 1), "noise": noise})
    exercise.evidence(
        "failures", sorted({f"{met.kind}: {met.failure}" for met in (shot.answer for shot in shots) if met.failure})[:5]
    )
    if limited := sum(shot.answer.limited for shot in shots):
        raise Invalid(f"{limited} of {len(shots)} requests got 429: this runner's address is limited")
    if few := [f"{sample.requests} of {name}" for name, sample in samples.items() if sample.requests < FEWEST]:
        raise Invalid(f"fewer than {FEWEST} requests: {', '.join(few)}")
    unclear = [line for each in weighed.values() for line in each.unclear]
    with exercise.cases(at_least=len(budgets)) as cases:
        for name, each in weighed.items():
            with cases(name):
                if noise:
                    unclear += [f"{name}: {line}" for line in each.beyond]
                else:
                    require(not each.beyond, f"{name} within its budget", "; ".join(each.beyond))
    if unclear:
        why = noise or "this may be chance"
        raise Invalid(f"over budget, but {why}: {'; '.join(unclear)}")


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
