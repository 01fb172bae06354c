"""For all tests: Ctrl-C works.

What a script starts in the background ignores it, and so does all that is started from there; tests send it to programs.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
