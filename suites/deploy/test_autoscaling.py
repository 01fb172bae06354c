"""A service that is scaled by what is asked of it."""

import time
from functools import partial

from seatrial import MAJOR, Disrupt, Failure, Invalid, check, eventually, require
from seatrial.traffic import Traffic
from suites.deploy._rolling import LATE_S, LATE_SHARE, Rolling, tell

BEYOND = 1.3  # times what the policy allows an instance
REACHED_WITHIN_S = 10.0
AT_ONCE = 256  # an instance with too much to do answers late; the load goes on all the same


@check("DEP-ROLL-05", severity=MAJOR, component="platform", alone=True, needs=("autoscaler",))
def test_a_policy_scales_out_and_in_and_loses_nothing(disrupt: Disrupt) -> None:
    """Load beyond the autoscaling policy's threshold adds an instance in time, quiet removes it again, and nothing is lost.

    Why it matters: a policy is written once and first acts in the hour for which it was written. Where its maximum equals its
    minimum, or nobody counts, nothing comes; where the new instance gets no requests, it does not help; where it never
    goes, it is paid for; and where it goes without draining, the quiet after the rush costs requests.

    How it is measured: under the traffic of DEP-ROLL-01, without jobs, the public host of targets.autoscaled_service
    is asked who answers, a third more often than the targets.autoscaled_per_s of all its instances. Within
    targets.autoscaled_out_s the platform must list one instance more, which must then answer through the public host
    within ten seconds. Once the load is over, the platform must list those of before within targets.autoscaled_in_s,
    and none that went may answer a request that begins afterwards. No request may fail. Requests that began late, or
    too few, are INVALID.

    Not covered: the policy's other measures, such as CPU; more than one instance more; a maximum that is too low for the worst day.
    """
    service, per_s = str(disrupt.target("autoscaled_service")), float(disrupt.target("autoscaled_per_s"))
    before = set(disrupt.profile.services[service].instances)
    try:
        _await_count(disrupt, service, len(before), "autoscaled_in_s")
    except Failure as failure:
        raise Invalid(f"{service} is not at rest: {failure}") from None
    rolling = Rolling(disrupt)
    load = Traffic(partial(rolling.version, service), per_s=BEYOND * per_s * len(before), at_once=AT_ONCE)
    took: dict[str, float] = {}
    with disrupt.cases(at_least=8) as cases:
        with rolling:
            rolling.flow(1)
            with load:
                with cases("scaled out"):
                    try:
                        took["out_s"] = _await_count(disrupt, service, len(before) + 1, "autoscaled_out_s")
                    except Failure:
                        load.require_punctual(LATE_S, LATE_SHARE)  # less than was meant is no reason to scale
                        raise
                new = _listed(disrupt, service) - before
                if new:  # else the case before has failed, and so has the check
                    with cases("the new instance works"):
                        eventually(
                            lambda: new & {shot.answer.instance for shot in load.shots},
                            within_s=REACHED_WITHIN_S,
                            what=f"an answer of {', '.join(new)} through the public host",
                            where="ingress",
                        )
            with cases("scaled in"):
                took["in_s"] = _await_count(disrupt, service, len(before), "autoscaled_in_s")
            gone_s = time.monotonic()
            rolling.flow(2)
        late, told = load.require_punctual(LATE_S, LATE_SHARE), tell(load.shots)
        disrupt.evidence("scaling", {"before": sorted(before), "new": sorted(new), **took})
        disrupt.evidence("load", {"per s": BEYOND * per_s * len(before), "late": late, **told})
        rolling.judge(cases)
        with cases("load"):
            failed = f"{told['failed']} of {told['requests']} failed: {'; '.join(told['failures'])}"
            require(not told["failed"], "none of the requests of the load to fail", failed, service)
        with cases("nothing is sent to those that went"):
            answered = {shot.answer.instance for shot in rolling.versions() if shot.began_s > gone_s} & new
            require(not answered, "no answer from an instance that went", sorted(answered), "ingress")


def _listed(disrupt: Disrupt, service: str) -> set[str]:
    return {each.name for each in disrupt.platform.status().instances(service)}


def _await_count(disrupt: Disrupt, service: str, count: int, budget: str) -> float:
    """Wait until the platform lists so many instances; returns after how many seconds it did."""
    began_s = time.monotonic()

    def listed() -> bool:
        names = _listed(disrupt, service)
        require(len(names) == count, f"{count} instances of {service}", ", ".join(sorted(names)), "platform")
        return True

    within_s = float(disrupt.target(budget))
    eventually(listed, within_s=within_s, what=f"{count} instances of {service}", where="platform")
    return round(time.monotonic() - began_s, 1)
