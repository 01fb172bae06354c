"""One edge and one nginx for the module's tests: they write nothing that another test could meet."""

from collections.abc import Iterator

import pytest

from .bench import Bench, running


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running(tmp_path_factory.mktemp("edge")) as bench:
        yield bench
