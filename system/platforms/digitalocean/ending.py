"""How a command ends: its exit code, and the errors that carry one."""

from enum import IntEnum


class Ending(IntEnum):
    """Exit codes; each says what serves now.

    Attributes:
        DONE: what was asked is so, and the gate said GO.
        REFUSED: the deployment failed or the gate said NO-GO; what served before serves again, and the gate said GO of it.
        UNVERIFIED: it is deployed, and the gate could not say whether it is good.
        WRONG_CALL: nothing was asked of the vendor: arguments, files or the token are wrong; or the vendor refused the spec.
        UNREACHABLE: the vendor's API refused or did not answer; the message says whether something may have been changed.
        BROKEN: taking it back failed or was not verified; somebody must look now.
    """

    DONE = 0
    REFUSED = 1
    UNVERIFIED = 2
    WRONG_CALL = 3
    UNREACHABLE = 4
    BROKEN = 5


class DeployError(Exception):
    """The command cannot go on; printed as one line.

    Attributes:
        ending: the exit code.
    """

    ending = Ending.BROKEN


class WrongCallError(DeployError):
    """Arguments, files or the token are wrong, or the vendor refuses the spec."""

    ending = Ending.WRONG_CALL


class ApiError(DeployError):
    """The vendor's API refused, or did not answer.

    Attributes:
        status: the HTTP status, None without an answer.
    """

    ending = Ending.UNREACHABLE

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status
