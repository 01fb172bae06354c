from pathlib import Path

import pytest

from seatrial import cli
from seatrial.errors import UsageError
from seatrial.load import Wanted, fly
from seatrial.profile import load


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rate", "inf"), "inf is no number above 0"),
        (("--rate", "nan"), "nan is no number above 0"),
        (("--for", "infs"), "infs is no time such as"),
        (("--for", "-5m"), "-5m is no time such as"),
        (("--workers", "-1"), "-1 is no number of workers"),
        (("--expect-workers", "2.5"), "2.5 is no number of workers"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(
    options: tuple[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^3$"):
        cli.main(["load", "=".join(options)])
    assert words in capsys.readouterr().err


def test_a_tree_with_another_harness_makes_no_load(tmp_path: Path) -> None:
    profile = tmp_path / "here.toml"
    profile.write_text('name = "here"\nmax_impact = "exercise"\nurls.api = "http://127.0.0.1:1"\n')
    for name in ("load/locustfile.py", "seatrial/statistics.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()

    with pytest.raises(UsageError, match="seatrial is another harness than"):
        fly(load(profile), tmp_path, Wanted(rate_per_s=20, seconds=1))
