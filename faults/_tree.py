"""What faults of files share: checks read a patched copy of the profile's tree, never the working tree."""

from collections.abc import Sequence
from typing import ClassVar

from seatrial import Destroy, Observe
from seatrial.platform import Patch


class PatchedTree:
    """Let checks read a patched copy of the tree; in effect when each file of it reads so."""

    edits: ClassVar[Sequence[Patch]]

    def strike(self, destroy: Destroy) -> None:
        """Make the copy."""
        destroy.source.patch(self.edits)

    def in_effect(self, observe: Observe) -> bool:
        """Read what was put in."""
        files = [(observe.tree / edit["file"], edit["replace"]) for edit in self.edits]
        return all(file.is_file() and text in file.read_text() for file, text in files)
