"""`seatrial up`, `down`, `status`, `logs`, `traces` and `heal`: the environment itself."""

import argparse
import contextlib
import sys

from seatrial import hosting, traces
from seatrial.environment import Arming, Environment
from seatrial.errors import EnvironmentFault, ProfileError
from seatrial.lock import held
from seatrial.platform import PlatformClient
from seatrial.profile import find, load
from seatrial.scope import close_clients
from seatrial.verbs.common import Verbs, opened, with_profile


def add_to(verbs: Verbs) -> None:
    """Add the verbs."""
    with_profile(
        verbs.add(
            "heal", _heal, "replay the undo log after a trial was killed; starts the environment first if it is down"
        )
    )
    with_profile(verbs.add("up", _up, "start the environment"))
    with_profile(verbs.add("status", _status, "show its parts (exit 0 all ready, 1 not)"))
    with_profile(verbs.add("down", _down, "stop the environment, unless a trial is running on it"))
    logs = verbs.add("logs", _logs, "print a part's last log lines")
    with_profile(logs)
    logs.add_argument("part", help="for example api-1")
    logs.add_argument("--lines", type=int, default=100, metavar="N", help="how many (default: 100)")
    traces.add_verb(verbs.add, with_profile)


def _heal(options: argparse.Namespace) -> int:
    profile = load(find(options.profile))
    if profile.platform is None:
        print(f"nothing to heal on {profile.name}: it has no [platform], so nothing can have been struck")
        return 0
    environment = Environment(profile, Arming(profile.max_impact))
    if not environment.undo_log.pending():
        print(f"nothing to heal on {profile.name}: no strike is waiting to be undone")
        return 0
    with environment.lock():
        if not hosting.is_up(profile):
            print(f"{profile.name} is down: starting it first")
            if hosting.start(profile):
                raise EnvironmentFault(f"{profile.name} did not start; its lines above say why")
        struck = environment.undo_log.pending()
        try:
            environment.undo_strikes()
        except Exception as error:
            raise EnvironmentFault(
                f"{profile.name} is not whole: {error}\n  mend what it names (`seatrial status`, `logs PART`), and heal again"
            ) from error
        finally:
            left = environment.undo_log.pending()
            for entry in struck:
                print(f"still struck: {entry}" if entry in left else f"undone {entry}")
            close_clients(environment.clients)
    print(f"{profile.name} is whole again")
    return 0


def _up(options: argparse.Namespace) -> int:
    profile = opened(options).profile
    if hosting.is_up(profile):
        return hosting.call(profile, "up")
    state = hosting.section(profile).state
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with held(state, profile.name, alone=True):  # or a gate would take it for down meanwhile
        return hosting.start(profile)


def _status(options: argparse.Namespace) -> int:
    return hosting.call(opened(options).profile, "status")


def _down(options: argparse.Namespace) -> int:
    profile = opened(options).profile
    state = hosting.section(profile).state
    with held(state, profile.name, alone=True) if state.exists() else contextlib.nullcontext():
        return hosting.call(profile, "down")


def _logs(options: argparse.Namespace) -> int:
    environment = opened(options)
    lines = PlatformClient(hosting.section(environment.profile).socket).logs(options.part, options.lines)
    if not lines:
        print(f"the log of {options.part} is empty", file=sys.stderr)
    with contextlib.suppress(ProfileError):  # those that can be read are known nevertheless
        environment.check_secrets()
    for line in lines:
        print(environment.redactor.text(line))
    return 0
