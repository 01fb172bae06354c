"""Serve scripts, styles and the icon under names that hold their content's hash, to be cached for ever."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from system.common.tags import tag_matches

__all__ = ["StaticFiles"]

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_IMPORT = re.compile(rb'(?<=from ")\./([a-z]+\.js)(?=")')


@dataclass(frozen=True)
class File:
    """Hold one file as it is sent."""

    media_type: str
    plain: bytes
    packed: bytes


class StaticFiles:
    """Read every file once; a module's imports are rewritten to the hashed names, or a change would not be seen."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}
        self._files: dict[str, File] = {}
        for path in sorted(folder.iterdir()):
            self._add(path.name)

    def url(self, name: str) -> str:
        """Return the path of a file by its plain name; raises KeyError."""
        return f"/static/{self._names[name]}"

    async def endpoint(self, request: Request) -> Response:
        """Answer GET /static/{name}."""
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404)
        file, packed = self._files[name], _takes_gzip(request.headers.get("accept-encoding", ""))
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            # Packed and plain are two representations, and a strong tag names one (RFC 9110, section 8.8.3.3).
            "ETag": f'"{name}{".gz" if packed else ""}"',
            "Vary": "Accept-Encoding",
        }
        if tag_matches(request.headers.get("if-none-match", ""), headers["ETag"], weak=True):
            return Response(status_code=304, headers=headers)
        if packed:
            return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
        return Response(file.plain, headers=headers, media_type=file.media_type)

    def _add(self, name: str) -> str:
        if name not in self._names:
            path = self._folder / name
            body = _IMPORT.sub(lambda match: b"./" + self._add(match[1].decode()).encode(), path.read_bytes())
            hashed = f"{path.stem}.{hashlib.sha256(body).hexdigest()[:12]}{path.suffix}"
            self._names[name] = hashed
            self._files[hashed] = File(_TYPES[path.suffix], body, gzip.compress(body, 9, mtime=0))
        return self._names[name]


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
