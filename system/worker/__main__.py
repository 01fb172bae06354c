"""Start the worker: `python -m system.worker`."""

import os
import sys

from system.common.config import ConfigError
from system.common.serve import serve
from system.worker.app import make_app
from system.worker.settings import read_settings


def main() -> None:
    """Read the environment and serve; an unusable configuration ends it with the list of mistakes."""
    try:
        settings = read_settings(os.environ)
    except ConfigError as error:
        sys.exit(f"worker: {error}")
    serve(make_app(settings), settings.service)


if __name__ == "__main__":
    main()
