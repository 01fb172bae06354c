"""Which release runs where."""

from seatrial import BLOCKER, Invalid, Observe, check, require
from suites.client import instances, running
from suites.client.instances import HOSTS, SERVICES, Instance

ASKED_PER_HOST = 8


@check("DEP-VER-01", severity=BLOCKER, component="services")
def test_every_instance_runs_the_expected_release(observe: Observe) -> None:
    """Every instance of every service runs the expected release.

    Why it matters: one instance that missed a deploy serves old code to a share of the callers, and every check that
    went through the balancer may have met the others.

    How it is measured: the expected release is the profile's [expect] release, or what the platform calls current.
    Every declared instance is asked at its private address and must name its service, its own name and that release.
    The platform must list the same instances and give the same release for each, so that none is overlooked; of
    targets.autoscaled_service it may list more, which came with the load and are of that release too. Each public host
    is asked several times through the ingress; every answer must be of the expected release.

    Not covered: whether the release contains what it should; parts that are not ours, such as the database.
    """
    status = observe.platform.status()
    wanted = observe.profile.expect.release
    wanted = status.release if wanted == "platform" else wanted
    if not wanted:
        raise Invalid("nobody says which release is expected")
    declared = instances(observe)
    names = {each.name for each in declared}
    listed = {part.name: part for service in SERVICES for part in status.instances(service)}
    scaled = status.instances(str(observe.profile.targets.get("autoscaled_service", "")))
    more = {part.name for part in scaled} - names
    seen: dict[str, str] = {}
    with observe.cases(at_least=2 * len(SERVICES) + len(HOSTS)) as cases:
        with cases("the instances"):
            wants = f"the declared instances {sorted(names)}"
            require(names == listed.keys() - more, wants, f"the platform runs {sorted(listed)}")
        for each in declared:
            with cases(each.name):
                said = running(observe, each)
                seen[each.name] = said.release or said.error
                require(not said.error, f"{each.name} to say what it runs", said.error, each.name)
                who = f"{said.service} {said.name}"
                require(
                    who == f"{each.service} {each.name}", f"{each.service} {each.name} at {each.via}", who, each.name
                )
                require(said.release == wanted, f"release {wanted} on {each.name}", f"{said.release}", each.name)
        for name in sorted(names | more):
            with cases(f"{name} as the platform lists it"):
                part = listed.get(name)
                release = part.release if part else "no such part"
                require(release == wanted, f"the platform to list {name} at {wanted}", f"{release}", name)
        for service, host in HOSTS.items():
            with cases(f"public host {host}"):
                answers = {running(observe, Instance(service, host, None)).release for _ in range(ASKED_PER_HOST)}
                require(answers == {wanted}, f"release {wanted} from every answer of {host}", sorted(answers), service)
    observe.evidence("releases", {"expected": wanted, **seen})
