"""What a worker has made is removed, also where it comes to no journey."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from load.journeys import Given
from seatrial import Failure
from seatrial.load import Wanted, fly
from seatrial.profile import load
from suites.client import Asset, Client, Created

ROOT = Path(__file__).resolve().parents[2]
PROFILE = """
name = "here"
max_impact = "exercise"
urls.api = "http://127.0.0.1:1"
targets = {load_weights = ["browse 1"], load_per_s = 5, load_slo = "load/slo/local.toml"}
accounts = [{email = "one@here.example", password = "file:password"}]
"""


class Broken:
    """A session in which one step goes wrong; it keeps what came after."""

    def __init__(self, step: str) -> None:
        self.step, self.after = step, list[str]()

    def create(self, *_: Any) -> Created:
        return Created(cast("Asset", SimpleNamespace(id="one", master=None)), cast("Any", "a place"))

    def put(self, *_: Any) -> None:
        self._do("put")

    def complete(self, *_: Any) -> None:
        self._do("complete")

    def wait(self, *_: Any, **__: Any) -> None:
        self._do("wait")

    def remove(self, asset_id: str, **_: Any) -> None:
        self.after.append(f"{asset_id} removed")

    def sign_out(self) -> None:
        self.after.append("signed out")

    def _do(self, step: str) -> None:
        if step == self.step:
            raise Failure("a sound product", f"no {step}")


@pytest.mark.parametrize("step", ["put", "complete", "wait"])
def test_what_was_brought_in_vain_is_removed(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("load.journeys._given")
    for name in ("generated_clip", "small_clip"):
        monkeypatch.setattr(module, name, lambda **_: SimpleNamespace(content=b"clip"))
    session = Broken(step)

    with pytest.raises(Failure, match=f"no {step}"):
        Given.prepare(cast("Client", SimpleNamespace(sign_in=lambda *_: session)), "one@here.example", "password")

    assert session.after == ["one removed", "signed out"]


@pytest.mark.slow
def test_who_brought_nothing_says_no_more_than_why(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("one that is long enough")
    (tmp_path / "here.toml").write_text(PROFILE)

    flight = fly(load(tmp_path / "here.toml"), ROOT, Wanted(rate_per_s=5, seconds=1))

    (reason,) = flight.reasons
    assert reason.startswith("nothing to travel with: ")
