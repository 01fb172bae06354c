import pytest

from seatrial import cli


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
