"""Look through the list of one's videos, and open one."""

from load.journeys._given import Given
from suites.client.session import promised


def browse(given: Given) -> None:
    """Open the page of assets, the list behind it, and one asset."""
    session = given.session
    cookie = {"Cookie": f"__Host-access={session.tokens.access_token}"}
    promised(session.client.http.request("GET", "app:/", headers=cookie), 200, "frontend")
    promised(session.call("GET", "/v1/assets?limit=20"), 200)
    session.asset(given.asset.id)
