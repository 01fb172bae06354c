"""What the small HTTP servers that collect something share."""

from http.server import BaseHTTPRequestHandler


class Door(BaseHTTPRequestHandler):
    """Answers, and says nothing of it."""

    def answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what comes is kept."""
