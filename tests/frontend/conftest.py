"""A frontend with an api behind it, and a browser before it."""

from collections.abc import Iterator

import pytest

from system.frontend.app import make_app
from system.frontend.settings import read_settings
from tests.frontend.bench import Browser, FakeApi, Host, Running, environment


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


@pytest.fixture
def running(host: Host) -> Running:
    return host.running


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def api_url(api: FakeApi, running: Running) -> Iterator[str]:
    with running(api.app()) as url:
        yield url


@pytest.fixture
def browser(api_url: str, running: Running) -> Iterator[Browser]:
    with running(make_app(read_settings(environment(api_url)))) as url:
        yield Browser(url)
