"""What attackers write where a path, a host, a place to go next or an origin is expected."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EVIL = "attacker.example"
DEPTH = 9
UPS = {
    "dot segments": "../",
    "encoded dots": "%2e%2e/",
    "encoded slashes": "..%2f",
    "both encoded": "%2e%2e%2f",
    "encoded twice": "%252e%252e%252f",
    "backslashes": "..\\",
    "encoded backslashes": "..%5c",
    "overlong dots": "%c0%ae%c0%ae/",
    "overlong slashes": "..%c0%af",
    "full-width dots": "%ef%bc%8e%ef%bc%8e/",
    "dots with a parameter": "..;/",
    "doubled dots": "....//",
    "a zero byte": "..%00/",
    "a double slash": "..//",
}
# Files that every Linux process can read, and what can only be in them.
FILES = {"etc/passwd": "root:x:0:0", "proc/self/environ": "LISTEN_PORT"}


@dataclass(frozen=True)
class Climb:
    """A path that climbs out of `start` to a file, and the text that must not come back."""

    name: str
    path: str
    telltale: str


def climbs(start: str, neighbours: Mapping[str, str]) -> Iterator[Climb]:
    """Return climbs from `start` to the machine's files and to `neighbours` (path one level up -> what is in it)."""
    passwords, environment = FILES.items()
    for name, up in UPS.items():
        for file, telltale in (passwords, *neighbours.items()):
            climb = up * (DEPTH if file == passwords[0] else 1)
            yield Climb(f"{name} to {file}", f"{start}{climb}{file}", telltale)
    for file, telltale in (passwords, environment):
        yield Climb(f"an absolute path to {file}", f"{start}/{file}", telltale)
        yield Climb(f"an encoded absolute path to {file}", f"{start}%2f{file.replace('/', '%2f')}", telltale)
    yield Climb("a file URL", f"{start}file:%2f%2f%2f{passwords[0].replace('/', '%2f')}", passwords[1])


def hosts(own: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Return name and headers of every way to say that we are somebody else's host."""
    yield "Host", {"Host": EVIL}
    yield "Host with our name in front", {"Host": f"{own.partition(':')[0]}.{EVIL}"}
    yield "Host with a user", {"Host": f"{own}@{EVIL}"}
    yield "Host with a path", {"Host": f"{EVIL}/{own}"}
    yield "Host with another port", {"Host": f"{own.partition(':')[0]}:1@{EVIL}"}
    for name in ("X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-HTTP-Host-Override"):
        yield name, {name: EVIL}
    yield "Forwarded", {"Forwarded": f"for=1.2.3.4;host={EVIL};proto=https"}
    yield "X-Forwarded-Proto and -Port", {"X-Forwarded-Proto": EVIL, "X-Forwarded-Port": f"1@{EVIL}"}
    yield "X-Original-URL", {"X-Original-URL": f"https://{EVIL}/", "X-Rewrite-URL": f"https://{EVIL}/"}


def elsewhere(own: str) -> tuple[str, ...]:
    """Return what a `next` may say to lead a browser away from `own`, the origin of our pages, or to more than a page."""
    host = urlsplit(own).netloc
    return (
        f"https://{EVIL}/",
        f"//{EVIL}/",
        f"///{EVIL}/",
        f"////{EVIL}/",
        f"/\\{EVIL}/",
        f"\\\\{EVIL}/",
        f"\\/{EVIL}/",
        f"/\t/{EVIL}/",
        f"/\n/{EVIL}/",
        f"\t//{EVIL}/",
        f" //{EVIL}/",
        f"\x00//{EVIL}/",
        f"https:/{EVIL}/",
        f"https:\\\\{EVIL}/",
        f"http:{EVIL}/",
        f"HTTPS://{EVIL}/",
        f"{own}@{EVIL}/",
        f"{own}.{EVIL}/",
        f"https://{EVIL}\\@{host}/",
        f"https://{EVIL}#@{host}/",
        f"//{host}@{EVIL}/",
        f"//{EVIL}%2f@{host}",
        f"/%2f{EVIL}/",
        f"/%5c{EVIL}/",
        f"/%09/{EVIL}/",
        f"//{EVIL}%00.{host}/",
        f"\uff0f\uff0f{EVIL}/",
        f"/\uff0e/\uff0f{EVIL}/",
        f"/..//{EVIL}/",
        f"/.//{EVIL}/",
        f"/;@{EVIL}/",
        f".{EVIL}",
        f"@{EVIL}/",
        f"javascript:alert(1)//{EVIL}",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:alert(1)",
        "blob:https://x/1",
        f"/\r\nX-Injected: {EVIL}",
        f"/%0d%0aX-Injected:%20{EVIL}",
        f"/\u560d\u560aX-Injected: {EVIL}",
    )


@dataclass(frozen=True)
class Forged:
    """What another site's page makes a browser send along with the reader's cookies."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)


def forged_origins(own: str, sisters: Mapping[str, str]) -> Iterator[Forged]:
    """Return requests that do not come from `own`; `sisters` are other origins of the same site, by name."""
    parts = urlsplit(own)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    for name, origin in {
        "another site": f"https://{EVIL}",
        "null": "null",
        "no value": "",
        "a suffix": f"{own}.{EVIL}",
        "a host that begins like ours": f"https://{host}.{EVIL}{port}",
        "a host that ends like ours": f"https://x{host}{port}",
        "a host below ours": f"https://x.{host}{port}",
        "another scheme": f"http://{host}{port}",
        "another port": f"https://{host}:{(parts.port or 443) + 1}",
        "no port": f"https://{host}" if port else f"https://{host}:8443",
        "ours with a slash": f"{own}/",
        "ours with a user": f"https://x@{host}{port}",
        "ours and another": f"{own} https://{EVIL}",
        **{f"the sister {name}": origin for name, origin in sisters.items()},
    }.items():
        yield Forged(f"Origin: {name}", {"Origin": origin})
    yield Forged("another Origin, our Referer", {"Origin": f"https://{EVIL}", "Referer": f"{own}/"})
    yield Forged("another Origin, our Sec-Fetch-Site", {"Origin": f"https://{EVIL}", "Sec-Fetch-Site": "same-origin"})
    yield Forged("no Origin")
    yield Forged("no Origin, another Referer", {"Referer": f"https://{EVIL}/{own}"})
    for site in ("cross-site", "same-site", "none", "", "same-origin, cross-site"):
        yield Forged(f"no Origin, Sec-Fetch-Site {site or 'empty'}", {"Sec-Fetch-Site": site})


def forged_forms(own: str) -> Iterator[tuple[Forged, str, bytes]]:
    """Return other kinds of body, and other spellings of the method, that a page may send without being asked first."""
    evil = {"Origin": f"https://{EVIL}"}
    fields = b"title=taken&_method=POST"
    for kind in (
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
    ):
        yield Forged(f"as {kind.partition(';')[0]}", {**evil, "Content-Type": kind}), "POST", fields
    yield Forged("without a type", {**evil, "Content-Type": ""}), "POST", fields
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield Forged(f"GET with {name}", {**evil, name: "POST"}), "GET", b""
        yield Forged(f"GET with {name}, of our own site", {"Origin": own, name: "POST"}), "GET", b""
        yield Forged(f"POST with {name}: GET", {**evil, name: "GET"}), "POST", fields
    yield Forged("HEAD", evil), "HEAD", b""
    yield Forged("a method in small letters", evil), "post", fields
