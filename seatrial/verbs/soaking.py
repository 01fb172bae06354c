"""`seatrial soak`: how often the gate is not GO although nothing is wrong."""

import argparse
import secrets
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from seatrial import conclude, expected, hosting, kept
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault, SeatrialError, UsageError
from seatrial.profile import Profile
from seatrial.report import OUT
from seatrial.report._digest import seconds
from seatrial.report._files import Folder, printable
from seatrial.report._page import page as verdict_page
from seatrial.soak import series
from seatrial.soak._page import page
from seatrial.soak.noise import noisy
from seatrial.soak.series import GATE, Common, Round
from seatrial.verbs.common import Verbs, count, opened, with_arm, with_profile, with_suites
from seatrial.verdict import Verdict

NOISES = ("cpu", "disk", "order")
FILE = OUT / "soak.jsonl"
_SHOWN = 160


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    soak = verbs.add(
        "soak",
        _soak,
        "repeat the gate on a healthy environment and count false alarms (exit 0 when every round was GO, else 1; "
        "2 when a round gave no verdict, 3 usage)",
    )
    with_profile(soak)
    with_arm(soak, "allow disrupt or destroy")
    with_suites(soak)
    soak.add_argument("only", nargs="*", metavar="SUITE|ID", help="only these suites or checks")
    soak.add_argument("--times", type=count, required=True, metavar="N", help="how many rounds, resumed ones included")
    soak.add_argument(
        "--noise",
        action="append",
        default=[],
        choices=NOISES,
        help="cpu: one core is busy; disk: the environment's disk is kept waiting; order: checks are shuffled (may be repeated)",
    )
    begin = soak.add_mutually_exclusive_group()
    begin.add_argument(
        "--seed", type=int, metavar="N", help="of the first round; the next one has N+1 (default: chance)"
    )
    begin.add_argument("--resume", action="store_true", help=f"go on with the last series in {FILE}")


@dataclass
class Soak:
    """A series under way."""

    environment: Environment
    held: hosting.Boot
    options: argparse.Namespace
    of: Common
    name: str
    rounds: list[Round]
    first_seed: int

    def run(self) -> Round:
        """Run the gate once more, and keep how it ended; an error of the gate is kept too, and raised."""
        from seatrial import gate  # noqa: PLC0415 - pytest is needed by a few commands only

        profile, number, began = self.environment.profile, len(self.rounds) + 1, time.time()
        seed = self.first_seed + number - 1
        if profile.platform and not hosting.is_up(profile):
            raise EnvironmentFault(f"environment {profile.name} went down before round {number}")
        place = profile.platform.state.parent if profile.platform else Path()
        makers = [kind for kind in self.of.noise if kind != "order"]
        with tempfile.TemporaryFile("w+") as output, noisy(makers, place) as made:
            manner = gate.Manner(seed, shuffled="order" in self.of.noise, output=output)
            try:
                verdict = gate.run(
                    self.environment,
                    self.options.suites,
                    self.options.only,
                    self.options.arm,
                    Console(file=output),
                    manner=manner,
                    held=self.held,
                )
            except UsageError:
                raise
            except (SeatrialError, OSError) as error:
                at = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
                self._keep(Round(number, seed, at, series.NO_VERDICT, time.time() - began, {}, {}, (str(error),)))
                raise
            if different := self.of.differences(_common(self.options, profile, verdict.release)):
                raise EnvironmentFault(f"the series ends, for it was of something else: {'; '.join(different)}")
            ended = series.round_of(verdict, number, seed, made())
            if ended.wrong or not ended.is_go:
                output.seek(0)
                ended = replace(ended, kept=self._put(verdict, number, output.read()))
        self._keep(ended)
        return ended

    def _keep(self, ended: Round) -> None:
        clean = self.environment.redactor.clean({"wrong": ended.wrong, "problems": list(ended.problems)})
        ended = replace(ended, wrong=clean["wrong"], problems=tuple(clean["problems"]))
        series.append(FILE, self.name, self.of, ended)
        self.rounds.append(ended)

    def _put(self, verdict: Verdict, number: int, output: str) -> str:
        """Write what there is to know of a bad round; return its folder below the reports."""
        name = f"soak/{self.name}/round-{number:03}"
        folder = Folder(OUT / name, self.environment.redactor)
        folder.put_json("verdict.json", verdict.to_json())
        folder.put("verdict.html", verdict_page(verdict, None))
        folder.put("output.txt", output)
        for result in verdict.results:
            for _, file in kept.named(result.evidence):
                if (OUT / file).is_file():  # another trial of the environment may have ended since
                    folder.copy(file, OUT / file)
        return name


def _soak(options: argparse.Namespace) -> int:
    environment, console = opened(options), Console(highlight=False)
    profile = environment.profile
    expected.select(
        expected.read(options.suites), options.only
    )  # refuses what names nothing, before anything is booted
    last = series.read(FILE) if options.resume else None
    if options.resume and last is None:
        raise UsageError(f"no series in {FILE} to go on with")
    with hosting.booted(profile, alone=environment.armed) as boot:
        of = _common(options, profile, conclude.release_of(environment))
        soak = _begun(environment, hosting.Boot(None, boot.lock), options, of, last)
        try:
            while len(soak.rounds) < options.times:
                soak.run()
                _line(console, _progress(soak.rounds[-1], options.times))
        finally:
            # As the file has them: an interrupt may come between a round's line and our knowing of it.
            last = series.read(FILE)
            if last is not None and last[0] == soak.name:
                soak.rounds = last[2]
                _tell(soak, console)
    return 0 if all(each.is_go for each in soak.rounds) else 1


def _common(options: argparse.Namespace, profile: Profile, release: str) -> Common:
    """Return what every round is to be of, as it is now; UsageError for a scope that names what there is not."""
    return series.common(
        release,
        profile,
        options.suites,
        scope=expected.select(expected.read(options.suites), options.only).label,
        armed=" ".join(options.arm),
        noise=tuple(sorted(set(options.noise))),
    )


def _begun(
    environment: Environment,
    held: hosting.Boot,
    options: argparse.Namespace,
    of: Common,
    last: tuple[str, Common, list[Round]] | None,
) -> Soak:
    """Return a new series, or the last one where it is to be resumed; UsageError where that is of something else."""
    if last is None:
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        return Soak(environment, held, options, of, name, [], seed)
    name, before, rounds = last
    if different := before.differences(of):
        raise UsageError(
            f"series {name} in {FILE} is of something else: {'; '.join(different)}; begin one without --resume"
        )
    return Soak(environment, held, options, of, name, rounds, rounds[0].seed)


def _progress(ended: Round, times: int) -> str:
    noise = [f"{kind} {value:g} {unit}" for kind, used in ended.noise.items() for unit, value in used.items()]
    told = ended.told
    parts = [
        f"round {ended.number} of {times}",
        f"seed {ended.seed}",
        f"{ended.verdict:12} {seconds(ended.duration_s)}",
        *noise,
        told if len(told) <= _SHOWN else f"{told[:_SHOWN]}…",
    ]
    return "  ".join(filter(None, parts))


def _tell(soak: Soak, console: Console) -> None:
    """Print which checks ever did not pass, and what may be said of all; write the page."""
    found = series.rates(soak.rounds)
    quiet: dict[int, list[str]] = {}
    for rate in found:
        if rate.alarms or rate.name == GATE:
            _line(console, f"{rate.name:12} {rate.told}")
            for each in rate.alarms[:1]:
                why = each.wrong.get(rate.name, "") if rate.name != GATE else f"{each.verdict}: {each.told}"
                _line(console, f"{'':12} first in round {each.number}, seed {each.seed}: {why}")
        else:
            quiet.setdefault(len(rate.rounds), []).append(rate.told)
    for told in quiet.values():
        _line(console, f"{len(told)} checks each {told[0]}")
    written = Folder(OUT, soak.environment.redactor).put("soak.html", page(soak.of, soak.rounds, found))
    go = sum(each.is_go for each in soak.rounds)
    _line(
        console, f"reports      {written}, {FILE}" + (f", {OUT / 'soak' / soak.name}" if go < len(soak.rounds) else "")
    )
    _line(
        console, f"{go} of {len(soak.rounds)} rounds GO  environment {soak.of.environment}  release {soak.of.release}"
    )


def _line(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True)
