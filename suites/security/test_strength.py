"""How good the secrets are: long, random, nobody else's, and each for one purpose."""

from seatrial import BLOCKER, Invalid, Observe, check, require
from seatrial.platform import Strength
from seatrial.profile import load
from seatrial.secrecy.references import Reference
from seatrial.secrecy.strength import strength
from suites.security._places import places
from suites.security._strength import LEAST_GUESSES_LOG10, LEAST_LENGTH, also_elsewhere, shared, weak

KNOWN_BAD = (
    "changeme",
    "changeme" * 6,
    "0123456789" * 4,
    "qwertyuiopasdfghjklzxcvbnm",
    "6368616e67656d65" * 4,
    "x" * 43,
)
KNOWN_GOOD = "v3Kq0Zr9_TtG1mYx7LhWb5Jd-2Ns8PcEaUfRoXiQyB4"


@check("SEC-SEC-01", severity=BLOCKER, component="secrets")
def test_secrets_are_long_random_and_each_for_one_purpose(observe: Observe) -> None:
    """Secrets are long and random, none is a default or an example, and none serves two purposes or two environments.

    Why it matters: a default is in the first list that anybody tries, and an example of a document is one search away. One
    value for two services makes the thief of one the owner of both, and neither can be replaced alone; one value for staging and production
    gives production to everybody who may see staging.

    How it is measured: of every password and key that the profile gives to this process, and of every secret that the
    platform says it has (its call `secrets`, which answers no value), those in the variables of running parts
    included: at least 24 characters, at least 10^20 guesses by zxcvbn (which knows words, sequences, keyboards
    and repetitions; of 24 random characters it says 10^23), no word in it that people write where a secret belongs, and not in the text of the
    platform's source. targets.secrets_judged names whose are judged ("held by this process", "of the platform"; both, without it);
    those that are named and cannot be judged, as a platform's where there is none, make the check INVALID. Equal values under two
    purposes are found by fingerprints of a nonce that is used once. No other profile beside this one names the same file, by
    whatever path, or the same key of a SOPS file, be it for the key that signs verdicts. The judge must refuse known bad values and pass a known good one first, and the platform must say of
    each of its secrets where it is.

    Not covered: whether a value came from a good generator, which no value shows; equal values in environments whose
    secrets this process may not read; secrets that the profile leaves out (the evidence says which); private keys, whose strength is SEC-TLS-03's.
    """
    _require_judge()
    wanted = places(observe, "secrets_judged", JUDGED)
    others = _other_profiles(observe)
    seen: dict[str, object] = {}
    with observe.cases(at_least=2 * len(wanted) + 1) as cases:
        with cases("one environment for each"):
            elsewhere = also_elsewhere(observe.profile.every_reference, others, observe.profile.path.parent)
            require(not elsewhere, "secrets of this environment alone", "; ".join(elsewhere), observe.profile.name)
        for whose in wanted:
            strengths = JUDGED[whose](observe)
            seen[whose] = _summary(strengths)
            for each in strengths:
                with cases(f"{each.name}, {whose}"):
                    problems = weak(each)
                    require(not problems, "a long, random secret of its own", "; ".join(problems), each.name)
            with cases(f"one purpose for each, {whose}"):
                pairs = shared(strengths)
                require(not pairs, "a value of its own for each purpose", "; ".join(pairs), whose)
    observe.evidence("secrets", seen)
    observe.evidence("compared with", {name: len(references) for name, references in others.items()})


def _require_judge() -> None:
    passed = [value for value in KNOWN_BAD if not weak(strength("x", "x", value, "nonce"))]
    twice = [strength(name, name, KNOWN_GOOD, "nonce") for name in ("one", "two")]
    if passed or any(map(weak, twice)) or shared(twice) != ["one = two"]:
        raise Invalid("the judge of secrets does not tell known bad values from a known good one")


def _held(observe: Observe) -> tuple[Strength, ...]:
    if not (held := observe.secrets.strengths()):
        raise Invalid("this process holds no secret: the profile names none")
    return held


def _of_platform(observe: Observe) -> tuple[Strength, ...]:
    if observe.profile.platform is None:
        raise Invalid("secrets of the platform cannot be judged: the profile names no platform")
    if not observe.platform.offers("secrets"):
        raise Invalid("the platform does not offer to say how strong its own secrets are")
    told = observe.platform.secrets()
    if not told or len(told) < len(observe.platform.status().parts):
        raise Invalid("the platform names fewer secrets than it has parts")
    return told


JUDGED = {"held by this process": _held, "of the platform": _of_platform}


def _other_profiles(observe: Observe) -> dict[str, tuple[Reference, ...]]:
    """Read the profiles beside this one, in the tree that checks read."""
    profile = observe.profile
    inside = profile.path.parent.is_relative_to(profile.tree)
    folder = observe.tree / profile.path.parent.relative_to(profile.tree) if inside else profile.path.parent
    found = {each.name: each.every_reference for each in map(load, sorted(folder.glob("*.toml")))}
    return {name: references for name, references in found.items() if name != profile.name}


def _summary(strengths: tuple[Strength, ...]) -> dict[str, object]:
    return {
        "values": len(strengths),
        "shortest": min(each.length for each in strengths),
        "easiest": f"10^{min(each.guesses_log10 for each in strengths):g} guesses",
        "asked for": f"{LEAST_LENGTH} characters, 10^{LEAST_GUESSES_LOG10:g} guesses",
    }
