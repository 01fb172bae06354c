"""`python -m system.platforms.local`."""

import sys

from system.platforms.local.command_line import main

sys.exit(main(sys.argv[1:]))
