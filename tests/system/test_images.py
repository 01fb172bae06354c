"""What the images install is what everything else was tried with."""

import re
from pathlib import Path

PINNED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
FOLDER = Path("system/platforms/compose")


def test_the_images_install_the_locked_versions() -> None:
    whole = dict(PINNED.findall(Path("requirements.lock").read_text()))
    images = dict(PINNED.findall((FOLDER / "requirements.lock").read_text()))

    assert images
    # Fillers for older Pythons are left out where the project itself does not need them.
    assert {name: version for name, version in images.items() if whole.get(name, version) != version} == {}
    assert sorted(images.keys() - whole.keys()) == []
