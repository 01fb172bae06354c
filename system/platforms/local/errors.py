"""Errors of the platform; every message is one line that says what is wrong and what to do."""


class PlatformError(Exception):
    """The platform cannot do what was asked; printed as one line, exit code 1."""


class SetupError(PlatformError):
    """The programs that the platform runs could not be had."""


class PartFailed(PlatformError):  # noqa: N818 - the name of the event
    """A part did not become ready.

    Args:
        part: name of the part, as in `status`.
        reason: what was seen, one line.
    """

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part}: {reason}")
        self.part = part
        self.reason = reason


class BadRequest(PlatformError):  # noqa: N818 - the name of the answer
    """A control call was wrong; the answer is a 4xx with this line.

    Args:
        message: one clear line.
        status: the HTTP status of the answer.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
