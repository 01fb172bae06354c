"""`seatrial verdict`: demand a signed GO before a deploy, and give out the public half of the key that signs."""

import argparse
import datetime as dt
import sys
from pathlib import Path

from seatrial import attest, conclude, dsse, publishing
from seatrial.errors import UsageError
from seatrial.load.commands import seconds
from seatrial.outcome import Level
from seatrial.profile import find, load
from seatrial.report import OUT
from seatrial.verbs.common import Parser, Verbs, opened, with_profile, with_suites

REFUSED = 1
DAY = 24 * 3600.0


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    verdict = verbs.add("verdict", _verify, "verify the signed verdict of a trial, or print the key to verify it with")
    actions = verdict.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=Parser)
    text = "exit 0 if a verdict is signed, GO, and of this release and profile; 1 if not, 3 for wrong usage"
    verify = actions.add_parser("verify", help=text, description=text)
    verify.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=OUT / publishing.ATTESTATION,
        help=f"default: {OUT / publishing.ATTESTATION}",
    )
    verify.add_argument("--key", type=Path, required=True, metavar="FILE", help="the public key of who may sign (PEM)")
    verify.add_argument(
        "--release", nargs="+", required=True, metavar="RELEASE", help="what is to be deployed: sha256:... or an id"
    )
    with_profile(verify)
    with_suites(verify)
    verify.add_argument(
        "--scope", nargs="+", default=[], metavar="SUITE|ID", help="what it must cover (default: every suite)"
    )
    verify.add_argument(
        "--level", type=_level, help="demand checks up to this level (default: the profile's expect.level)"
    )
    verify.add_argument(
        "--max-age", type=_age_s, default=DAY, metavar="T", help="90s, 10m, 24h since the trial ended (default: 24h)"
    )
    verify.set_defaults(run=_verify)
    text = "print the public half of the profile's key (PEM)"
    key = actions.add_parser("key", help=text, description=text)
    with_profile(key)
    key.set_defaults(run=_key)


def _verify(options: argparse.Namespace) -> int:
    key, profile = dsse.PublicKey.read(options.key), load(find(options.profile))
    demands = attest.Demands(
        profile=profile,
        suites=options.suites,
        releases=frozenset(options.release),
        scope=tuple(options.scope),
        level=profile.expect.level if options.level is None else options.level,
        max_age=dt.timedelta(seconds=options.max_age),
        version=conclude.harness(),
    )
    try:
        statement = attest.parse(dsse.opened(_read(options.file), key))
    except dsse.Refused as error:
        return _refuse(options.file, str(error))
    if unmet := demands.unmet(statement, dt.datetime.now(dt.UTC), options.file.with_name("verdict.json")):
        return _refuse(options.file, *unmet)
    trial = statement.trial
    excused = f", {len(trial.waivers)} excused by waivers" if trial.waivers else ""
    print(
        f"{trial.verdict}  environment {trial.environment}  release {' '.join(sorted(statement.releases))}"
        f"  scope {trial.scope}  level {trial.level}{excused}, ended {trial.finished.isoformat()}, signed with key {key.id}"
    )
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(dsse.LONGEST_BYTES + 1)
    except OSError as error:
        raise dsse.Refused(str(error.strerror)) from None


def _refuse(file: Path, *reasons: str) -> int:
    for reason in reasons:
        # What an attestation says may be anybody's words, and must not be taken for lines of ours.
        print(f"refused: {file}: {reason.encode('unicode_escape').decode()}", file=sys.stderr)
    return REFUSED


def _key(options: argparse.Namespace) -> int:
    environment = opened(options, signs=True)
    signer = environment.signer
    if signer is None:
        raise UsageError(f"{environment.profile.path}: the profile names no key: [verdict] key = ... would")
    print(signer.public.pem, end="")
    print(f"key {signer.public.id}", file=sys.stderr)
    return 0


def _age_s(text: str) -> float:
    age_s = seconds(text)
    if age_s >= dt.timedelta.max.total_seconds():
        raise argparse.ArgumentTypeError(f"{text} is longer than can be reckoned with")
    return age_s


def _level(text: str) -> Level:
    try:
        return Level.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
