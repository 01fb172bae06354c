"""A thief who is not locked out by what is done against him."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch


@fault(
    "sessions-outlive-the-password",
    kind="code",
    caught_by={"DR-KEY-01": "401 for an access token of before another was set"},
    takes_s=60.0,
)
class OutliveThePassword(PatchedRelease):
    """Setting another password ends no session: whoever signed in with the old one stays for a month.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/__main__.py",
            find="where account_id = %s and revoked_at is null",
            replace="where account_id = %s and revoked_at is not null",
        )
    ]
