"""`python -m system.platforms.digitalocean`."""

import sys

from system.platforms.digitalocean.command_line import main

sys.exit(main(sys.argv[1:]))
