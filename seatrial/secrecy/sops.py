"""Files of secrets that SOPS encrypts to age keys; a value goes to the program and comes from it through pipes alone."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from seatrial.errors import EnvironmentFault
from seatrial.secrecy.references import SOPS_TIMEOUT_S, sops_program


class SopsFile:
    """One encrypted file, a mapping of names to values.

    Args:
        path: need not exist yet; its name must say its format (.yaml, .yml or .json).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def names(self) -> set[str]:
        """Return the names of the values, for which no key is needed; empty without a file."""
        return set(self._document()) - {"sops"}

    def recipients(self) -> list[str]:
        """Return the age keys that it is encrypted to."""
        return [str(each["recipient"]) for each in self._document().get("sops", {}).get("age") or []]

    def read(self) -> dict[str, Any]:
        """Decrypt it, which takes a private key and proves that nothing was changed by hand."""
        found: dict[str, Any] = json.loads(self._sops("decrypt", "--output-type", "json", str(self.path)))
        return found

    def create(self, values: Mapping[str, str], recipients: Iterable[str]) -> None:
        """Make the file; without recipients those of the nearest .sops.yaml are taken."""
        to = ["--age", ",".join(recipients)] if recipients else []
        formats = ["--input-type", "json", "--filename-override", str(self.path)]
        text = self._sops("encrypt", *to, *formats, given=json.dumps(dict(values)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_name(f".{self.path.name}.half")
        half.write_text(text)
        half.rename(self.path)

    def put(self, name: str, value: str) -> None:
        """Set one value, a new or an old one."""
        self._sops("set", "--value-stdin", str(self.path), json.dumps([name]), given=json.dumps(value))

    def rekey(self) -> None:
        """Encrypt every value anew, under a new data key: whoever kept the old one reads nothing that comes after."""
        self._sops("rotate", "--in-place", str(self.path))

    def _document(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        try:
            document = yaml.safe_load(self.path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError):
            document = None
        if not isinstance(document, dict) or "sops" not in document:
            raise EnvironmentFault(f"{self.path} is no file that SOPS has encrypted")
        return document

    def _sops(self, *arguments: str, given: str = "") -> str:
        command = [sops_program(str(self.path)), *arguments]
        try:
            done = subprocess.run(
                command,
                input=given,
                capture_output=True,
                text=True,
                timeout=SOPS_TIMEOUT_S,
                check=False,
                cwd=next(each for each in self.path.parents if each.is_dir()),  # .sops.yaml is looked for from there
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentFault(f"{self.path}: sops {arguments[0]} took more than {SOPS_TIMEOUT_S} s") from None
        if done.returncode:
            said = " ".join(done.stderr.split())[:300] or "no reason given"
            raise EnvironmentFault(f"{self.path}: sops {arguments[0]} failed: {said}")
        return done.stdout
