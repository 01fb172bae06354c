"""The ingress: Caddy with HTTPS for every public host, short-lived certificates of the instance's own authority."""

import asyncio
import re
import shutil
import socket
import ssl
from functools import partial
from pathlib import Path

from system.platforms.local.addresses import INSTANCES, SLOTS
from system.platforms.local.ca import Authority, LeafFiles
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.links import PLAIN_TCP
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs

_TEMPLATE = """\
{{
	admin unix/{admin}
	storage file_system "{storage}"
	default_bind {address}
	http_port {http}
	https_port {https}
	auto_https disable_redirects
	skip_install_trust
	persist_config off
	renew_interval 2s
	grace_period 5s
	log {{
		output stderr
		format json
		level WARN
	}}
	pki {{
		ca local {{
			name "Seatrial local"
			root {{
				format pem_file
				cert "{root_certificate}"
				key "{root_key}"
			}}
		}}
	}}
	servers {{
		protocols h1 h2
		enable_full_duplex
		strict_sni_host on
		max_header_size 32KB
		timeouts {{
			read_header 6s
			idle 2m
		}}
	}}
}}

(errors) {{
	handle_errors {{
		header Strict-Transport-Security "max-age=31536000"
		header -Server
		@malformed expression `{{err.status_code}} == 502 && {{err.message}}.matches("chunk")`
		respond @malformed 400 {{
			close
		}}
		@away expression `{{err.status_code}} in [502, 503, 504]`
		header @away Retry-After 2
		respond {{err.status_code}} {{
			close
		}}
	}}
}}

(headers) {{
	header >Strict-Transport-Security "max-age=31536000"
	header -Server
	header -Via
	header @sending {{
		match {{
			status 3xx 4xx 5xx
		}}
		Connection close
	}}
}}

(common) {{
	{tls}
	# A body that nobody reads to its end must not be followed by another request: in full duplex, Go's server may then
	# panic and drop that one without an answer (golang/go issue 68560).
	@sending {{
		not method GET HEAD OPTIONS
		not protocol http/2+
	}}
	import headers
	@metrics path /metrics /metrics/*
	respond @metrics 404
	import errors
}}

# Each says how long a service may take: else a caller waits for one that a cut link has silenced until the link is back. One that
# does not even take a connection is given up early enough for another to be tried within lb_try_duration.
(upstream) {{
	health_uri /readyz
	health_interval 1s
	health_timeout 2s
	# No passive health checks: a caller's malformed body counts as the upstream's failure, and empties the pool.
{policy}	lb_try_interval 100ms
	header_up -Forwarded
	header_up X-Real-IP {{remote_host}}
	transport http {{
		dial_timeout 300ms
		response_header_timeout {{args[0]}}
	}}
}}

# Where no instance is ready, what they all miss is better told, or done without, by one that lives.
(as_last_resort) {{
	# Not deferred: an answer that nobody is there has to do without what is.
	header Strict-Transport-Security "max-age=31536000"
	header Server ""
	import headers
}}

(any_alive) {{
	health_uri /livez
	health_interval 1s
	health_timeout 2s
	lb_policy round_robin
	lb_try_interval 100ms
	header_up -Forwarded
	header_up X-Real-IP {{remote_host}}
	transport http {{
		dial_timeout 300ms
		response_header_timeout {{args[0]}}
	}}
}}

https://{app} {{
	import common
	request_body {{
		max_size 2MB
	}}
	# The frontend waits for the api as long as this ingress does, and is to say itself what came of it.
	@thorough {{
		path_regexp ^/assets/[^/]+/(complete|promote|delete)$
		method POST
	}}
	reverse_proxy @thorough {frontends} {{
		import upstream 105s
{frontend_policy}		lb_try_duration 500ms
	}}
	reverse_proxy {frontends} {{
		import upstream 30s
{frontend_policy}		lb_try_duration 500ms
	}}
	handle_errors 503 {{
		import as_last_resort
		reverse_proxy @thorough {frontends} {{
			import any_alive 105s
			lb_try_duration 10s
		}}
		reverse_proxy {frontends} {{
			import any_alive 30s
			lb_try_duration 10s
		}}
	}}
}}

https://{api} {{
	import common
	request_body {{
		max_size 2MB
	}}
	# These copy, read or remove whole objects.
	@thorough {{
		path_regexp ^/v1/assets/[^/]+(/complete|/promote)?$
		method POST DELETE
	}}
	reverse_proxy @thorough {apis} {{
		import upstream 100s
{api_policy}		lb_try_duration 500ms
	}}
	reverse_proxy {apis} {{
		import upstream 7s
{api_policy}		lb_try_duration 500ms
	}}
	handle_errors 503 {{
		import as_last_resort
		reverse_proxy @thorough {apis} {{
			import any_alive 100s
			lb_try_duration 2s
		}}
		reverse_proxy {apis} {{
			import any_alive 7s
			lb_try_duration 2s
		}}
	}}
}}

https://{play} {{
	import common
	reverse_proxy {edges} {{
		import upstream 30s
{edge_policy}		lb_try_duration 500ms
	}}
	handle_errors 503 {{
		import as_last_resort
		reverse_proxy {edges} {{
			import any_alive 30s
			lb_try_duration 2s
		}}
	}}
}}

https://{s3} {{
	import common
	# SeaweedFS allows every origin at its root, whatever its flags say; the buckets' own rules stay as they are.
	@root path /
	header @root -Access-Control-*
	reverse_proxy {s3_upstream} {{
		header_up -Forwarded
		transport http {{
			dial_timeout 1s
			response_header_timeout 60s
		}}
	}}
}}

https:// {{
	import errors
}}

http://{app}, http://{api}, http://{play}, http://{s3} {{
	header -Server
	header Connection close
	redir https://{{host}}:{https}{{uri}} 308
}}

http:// {{
	header -Server
	respond 421 {{
		close
	}}
}}
"""

_AUTOMATIC = """tls {{
		issuer internal {{
			lifetime {lifetime_s}s
		}}
	}}"""
LIFETIME_S = 75
_SAYS_WITHIN_S = 1.0
PUBLIC = ("app", "api", "play", "s3")


class Ingress(Part):
    """Terminates TLS, balances over healthy instances, redirects HTTP.

    Args:
        layout: directories and addresses.
        programs: the programs to run.

    Attributes:
        lifetime_s: of the certificates that it gets for itself.
        by_hand: a certificate for every public host that is served instead, and never renewed.
    """

    stop_grace_s = 6.0

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, "ingress", "ingress", layout.addresses.endpoint("https"))
        self._authority = Authority(layout.ca)
        self._storage = layout.data / "ingress"
        self._file = layout.run / "Caddyfile"
        self._admin = layout.run / "ingress.sock"
        self.lifetime_s = LIFETIME_S
        self.by_hand: LeafFiles | None = None

    async def prepare(self) -> None:
        """Write the Caddyfile."""
        self._storage.mkdir(mode=0o700, exist_ok=True)
        self._admin.unlink(missing_ok=True)
        self._file.write_text(self.caddyfile())

    def caddyfile(self) -> str:
        """Give the configuration with the patches in force."""
        addresses = self.layout.addresses
        # Where there are weights, what runs on trial beside the instances gets nothing.
        weights = self.settings.get("weights", {})
        balanced = {each: _instances(each) if each in weights else SLOTS[each] for each in ("frontend", "api", "edge")}
        upstreams = {
            f"{service}s": " ".join(str(addresses.endpoint(each)) for each in names)
            for service, names in balanced.items()
        }
        text = _TEMPLATE.format(
            admin=self._admin,
            storage=self._storage,
            address=addresses.endpoint("https").address,
            http=addresses.endpoint("http").port,
            https=addresses.endpoint("https").port,
            root_certificate=self._authority.root_certificate,
            root_key=self._authority.root_key,
            tls=_tls(self.by_hand, self.lifetime_s),
            s3_upstream=addresses.endpoint("s3"),
            **{name: addresses.host(name) for name in PUBLIC},
            **upstreams,
            **self._policies(balanced),
        )
        for edit in self.settings.get("patch", []):
            text = text.replace(edit["find"], edit["replace"], 1)
        return text

    def lose_authority(self) -> None:
        """Delete the key that the ingress signs with."""
        self._issuer("key").unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete authority and certificates: the next start makes them anew, below the root."""
        if self._kept().exists():
            shutil.rmtree(self._kept())

    def forget_without_key(self) -> None:
        """Delete an authority whose key is gone, with which it would not start."""
        if self._issuer("crt").exists() and not self._issuer("key").exists():
            self.forget()

    def _issuer(self, half: str) -> Path:
        return self._kept() / f"pki/authorities/local/intermediate.{half}"

    def _kept(self) -> Path:
        """Give the store that the configuration names with the patches in force."""
        named = re.search(r'storage file_system "(.+)"', self.caddyfile())
        return Path(named[1]) if named else self._storage

    def _policies(self, balanced: dict[str, tuple[str, ...]]) -> dict[str, str]:
        """Give every service in turns the same, or where there are weights each service its own."""
        weights = self.settings.get("weights", {})
        policies = {f"{service}_policy": "" for service in balanced}
        if not weights:
            return {"policy": "\tlb_policy round_robin\n", **policies}
        for service, names in balanced.items():
            shares = [str(int(weights[service].get(name, 1))) for name in names] if service in weights else []
            policy = f"weighted_round_robin {' '.join(shares)}" if shares else "round_robin"
            policies[f"{service}_policy"] = f"\t\tlb_policy {policy}\n"
        return {"policy": "", **policies}

    def command(self) -> Command:
        """Run Caddy."""
        environment = {"HOME": str(self._storage), "PATH": "/usr/bin:/bin", "TZ": "UTC", **PLAIN_TCP}
        return Command(
            [self.programs.caddy, "run", "--adapter", "caddyfile", "--config", self._file], environment, self._storage
        )

    async def probe(self) -> str:
        """Handshake with a verified certificate for each public host."""
        context = ssl.create_default_context(cafile=str(self._authority.root_certificate))
        for name in PUBLIC:
            host = self.layout.addresses.host(name)
            try:
                _, writer = await asyncio.open_connection(
                    self.endpoint.address, self.endpoint.port, ssl=context, server_hostname=host
                )
            except ssl.SSLError as error:
                return f"{host}: {error.reason or error}"
            writer.close()
        return ""

    def config(self) -> dict[str, str]:
        """Give the Caddyfile, and what the process itself says it runs with; that is empty while nobody answers."""
        return {"Caddyfile": self.caddyfile(), "in force": self._in_force()}

    def _in_force(self) -> str:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(_SAYS_WITHIN_S)
            try:
                asked.connect(str(self._admin))
                asked.sendall(b"GET /config/ HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(partial(asked.recv, 1 << 16), b""))
            except OSError:
                return ""
        return answer.partition(b"\r\n\r\n")[2].decode()


def _instances(service: str) -> tuple[str, ...]:
    return tuple(each for each in SLOTS[service] if each in INSTANCES)


def _tls(by_hand: LeafFiles | None, lifetime_s: int) -> str:
    return f'tls "{by_hand.certificate}" "{by_hand.key}"' if by_hand else _AUTOMATIC.format(lifetime_s=lifetime_s)
