"""Start the edge: `python -m system.edge`."""

import os
import sys

from system.common.config import ConfigError
from system.common.serve import serve
from system.edge.app import make_app
from system.edge.settings import read_settings


def main() -> None:
    """Read the environment and serve; an unusable configuration ends it with the list of mistakes."""
    try:
        settings = read_settings(os.environ)
        app = make_app(settings)
    except ConfigError as error:
        sys.exit(f"edge: {error}")
    serve(app, settings.service)


if __name__ == "__main__":
    main()
