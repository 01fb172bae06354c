"""The backups that the store holds, read in this process: Barman's own command takes a second and a half to start."""

from barman.cloud import CloudBackupCatalog
from barman.cloud_providers.aws_s3 import S3CloudInterface

from system.platforms.local.barman import DESTINATION, SERVER
from system.platforms.local.layout import Layout


def catalog_of(layout: Layout) -> CloudBackupCatalog:
    """Give what the store holds now; the process reaches the store, see `reach_store`."""
    endpoint = layout.addresses.origin("s3")
    store = S3CloudInterface(url=DESTINATION, endpoint_url=endpoint, read_timeout=15, addressing_style="path")
    return CloudBackupCatalog(store, SERVER)
