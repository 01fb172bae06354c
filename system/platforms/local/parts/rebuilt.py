"""The server that a lost region's database is recovered into, before the cluster takes its data over."""

from system.platforms.local.children import Children
from system.platforms.local.layout import Layout
from system.platforms.local.parts.restored import Restored
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles


class Rebuilt(Restored):
    """Recovers to the end of the log, at the place of the cluster's first member and into its data.

    It archives nothing, but keeps note of what is to be archived, its new timeline first of all: the member does that later.
    """

    stop_grace_s = 60.0

    def __init__(self, layout: Layout, programs: Programs, children: Children, secrets: SecretFiles) -> None:
        endpoint = layout.addresses.endpoint("postgres")
        super().__init__(
            layout, programs, children, secrets, name="rebuilt", endpoint=endpoint, folder=layout.data, to=None
        )

    def _own_settings(self) -> dict[str, str]:
        return {**super()._own_settings(), "archive_mode": "on", "archive_command": "", "fsync": "on"}
