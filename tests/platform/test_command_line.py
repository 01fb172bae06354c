"""The platform's command line."""

import pytest

from system.platforms.local.command_line import main


def test_an_interrupted_command_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("system.platforms.local.down.down", interrupted)

    assert main(["down"]) == 130
    assert capsys.readouterr().err == "down: interrupted\n"
