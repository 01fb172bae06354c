"""A TLS socket that nobody has to close who has never got it."""

import errno
import os
import ssl
from typing import Any


class SecureSocket(ssl.SSLSocket):
    """Closes itself where it does not come about; the standard library has taken the plain socket over by then.

    It leaves the new one to the collector where the peer has gone before the handshake, and where what breaks the handshake
    off is no OSError (`SSLSocket._create`). A context makes these once they are its `sslsocket_class`.
    """

    _begun = False

    def getpeername(self) -> Any:
        """Return the peer's address; without a peer before the handshake, raises ConnectionResetError."""
        if self._begun:
            return super().getpeername()
        try:
            return super().getpeername()
        except OSError:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands."""
        self._begun = True
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def closing(context: ssl.SSLContext) -> ssl.SSLContext:
    """Have a context make sockets of the kind above."""
    context.sslsocket_class = SecureSocket
    return context
