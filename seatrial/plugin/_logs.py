"""What the parts of a platform have logged by the end of a check that was not green: with the environment it may go."""

from seatrial import kept
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault
from seatrial.platform import PlatformClient

LINES = 1000  # of each part


def keep_logs(environment: Environment) -> dict[str, dict[str, str] | str]:
    """Write the last lines of every part's log, redacted, beside the reports; return what names them among the evidence.

    Nothing where no platform offers any. One that does not answer is told of in their place, and so is a disk that takes nothing:
    what the check has found is not lost with them.
    """
    platform = environment.profile.platform
    if platform is None:
        return {}
    client = PlatformClient(platform.socket)
    try:
        status = client.status()
        if "logs" not in status.calls:
            return {}
        told = "\n".join(_of_part(client, part) for part in status.parts)
    except EnvironmentFault as fault:
        told = f"{fault}\n"
    content = environment.redactor.text(told).encode(errors="backslashreplace")
    try:
        return {kept.LOGS: kept.keep("log", content, environment.profile.name)}
    except OSError as error:
        return {kept.LOGS: f"could not be kept: {error}"}


def _of_part(client: PlatformClient, part: str) -> str:
    try:
        lines = client.logs(part, LINES)
    except EnvironmentFault as fault:
        lines = [str(fault)]
    return "".join(f"{line}\n" for line in (f"== {part}", *lines))
