"""What the running instances are configured with."""

from seatrial import MAJOR, Invalid, Observe, check, require
from suites.client.instances import SERVICES
from suites.deploy._parity import behind_the_reader, disagreements
from suites.deploy._variables import STAND_IN, problems_of

SECRET, OPEN_SECRET = "<secret>", "<open secret>"
SOURCES = tuple(f"system/{each}" for each in (*SERVICES, "common"))


@check("DEP-CFG-01", severity=MAJOR, component="services")
def test_every_instance_is_given_what_its_program_reads(observe: Observe) -> None:
    """Every variable that a program reads is given to each of its instances, usable and no other; instances agree.

    Why it matters: a key that is missing or misspelt falls back on a default without a word, and the instance runs for
    months with a limit, a lifetime or a bucket that nobody chose. Two instances that differ fail for every second caller.

    How it is measured: the platform says what each instance is given, and the program itself what it reads (`python -m
    system.variables`, from the profile's tree). Every variable that is read must be given, even where the program has a
    default; it must be of its kind; none may be given that the program does not read; a secret must be one to the platform
    too. INSTANCE must be the instance's name. What is not an instance's own must be equal in all instances of a
    service, and what is not a service's own in all services that have it. In the source no variable may be taken
    from the environment but through the reader, for it would be missing from what the program says.

    Not covered: whether a value is the right one (other checks measure what values do); parts that are not ours; source that
    hides a read behind another name.
    """
    status, given = observe.platform.status(), observe.platform.config()
    services = {service: [part.name for part in status.instances(service)] for service in SERVICES}
    names = [name for each in services.values() for name in each]
    if not all(services.values()):
        raise Invalid(f"the platform runs no instance of some service: {services}")
    with observe.cases(at_least=2 * len(SERVICES) + 2) as cases:
        for service, those in services.items():
            for name in those:
                with cases(f"{name} is given what {service} reads"):
                    problems = _problems(observe, service, given.get(name, {}))
                    require(not problems, f"what {service} reads, complete and usable", "; ".join(problems), name)
                with cases(f"{name} knows its name"):
                    said = given.get(name, {}).get("INSTANCE", "nothing")
                    require(said == name, f"INSTANCE to be {name}", said, name)
        with cases("the instances agree"):
            differing = disagreements({s: {n: given.get(n, {}) for n in those} for s, those in services.items()})
            require(not differing, "the same values where they are meant to be", "; ".join(differing))
        with cases("nothing is read behind the reader's back"):
            hidden = behind_the_reader(observe.tree, SOURCES)
            require(not hidden, "every variable read through the reader", f"beside it: {', '.join(hidden)}")
    observe.evidence("variables given", {name: len(given.get(name, {})) for name in names})


def _problems(observe: Observe, service: str, given: dict[str, str]) -> list[str]:
    secrets = {name for name, value in given.items() if value == SECRET}
    return problems_of(
        observe.tree,
        service,
        {name: STAND_IN if value == OPEN_SECRET else value for name, value in given.items()},
        image={},
        secrets=secrets,
        files={value for value in given.values() if value.startswith("/")},
        complete=True,
    )
