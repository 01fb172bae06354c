"""The steady state of the product: what its clients see while nothing is wrong."""

from collections.abc import Callable

from seatrial import Disrupt, require
from suites.client import Session, instances


def steady(disrupt: Disrupt, session: Session, *but: str) -> Callable[[], None]:
    """Return a question that fails while an instance is not ready, a page does not come, or assets cannot be listed.

    Args:
        disrupt: asks.
        session: lists its own assets.
        but: services that are left out.
    """

    def ask() -> None:
        for each in instances(disrupt):
            if each.service not in but:
                path = disrupt.profile.services[each.service].ready
                answer = disrupt.http.get(each.url(path), via=each.via, timeout_s=2.0)
                require(answer.status == 200, f"{each.name} ready", f"{answer}", each.name)
        page = disrupt.http.get("app:/sign-in", timeout_s=5.0)
        require(page.status == 200, "the page to sign in", f"{page}", "frontend")
        listed = session.call("GET", "/v1/assets?limit=1", timeout_s=5.0)
        require(listed.status == 200, "one's own assets listed", f"{listed}", "api")

    return ask
