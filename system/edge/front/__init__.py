"""nginx in front of the edge: `nginx.conf` as an image has it, or the same for other places.

Why this shape, what it remembers and for how long: docs/edge.md.
"""

from pathlib import Path

__all__ = ["configuration"]

_FILE = Path(__file__).with_name("nginx.conf")


def configuration(
    *, listen: str, edges: list[str], directory: Path, workers: int = 1, certificate: tuple[Path, Path] | None = None
) -> str:
    """Give the configuration with nothing changed but the places.

    Args:
        listen: address and port, or one port.
        edges: addresses and ports of the edge's instances.
        directory: where nginx may write.
        workers: processes.
        certificate: the chain and its key, to speak TLS.
    """
    tls = "".join(
        f"\n        {name} {path};"
        for name, path in zip(("ssl_certificate", "ssl_certificate_key"), certificate or (), strict=False)
    )
    ssl = " ssl" if certificate else ""
    text = _FILE.read_text()
    for find, replace in (
        ("worker_processes auto;", f"worker_processes {workers};"),
        ("server edge:8080;", " ".join(f"server {edge};" for edge in edges)),
        ("listen 8080 backlog=512;", f"listen {listen}{ssl} backlog=512;{tls}"),
    ):
        if text.count(find) != 1:
            raise ValueError(f"nginx.conf has {find!r} {text.count(find)} times")
        text = text.replace(find, replace)
    return text.replace("/var/cache/nginx", str(directory))
