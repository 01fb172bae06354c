"""The release before the one in the tree, from a copy of its source: what a new schema must still serve."""

import tarfile
import tempfile
from pathlib import Path

from system.platforms.local.errors import BadRequest
from system.platforms.local.releases import Configuration, Releases

# Made by `git archive`, which writes the commit into it, so that it can be had without a history.
ARCHIVE = Path(__file__).with_name("previous_release.tar.gz")


def build_previous(releases: Path, configuration: Configuration, archive: Path = ARCHIVE) -> dict[str, str]:
    """Build the release before, with this configuration, and give its id and the commit that it is of.

    Raises BadRequest where there is no such copy.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="seatrial-previous-") as directory, tarfile.open(archive) as members:
            commit = members.pax_headers["comment"]
            members.extractall(directory, filter="data")
            built = Releases(releases, Path(directory, "system")).build((), configuration)
            return {"release": built, "commit": commit}
    except FileNotFoundError:
        raise BadRequest(f"no release before this one is recorded: {archive.name} is missing", 409) from None
    except (tarfile.TarError, KeyError) as error:
        raise BadRequest(f"{archive.name} is no `git archive` of a commit: {error!r}", 409) from None
