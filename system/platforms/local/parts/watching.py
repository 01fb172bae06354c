"""Prometheus and Alertmanager: scrape, evaluate, and tell the pager."""

from system.platforms.local import http_probe
from system.platforms.local.children import Command
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs, Watchers
from system.platforms.local.setup_monitoring import ASSETS
from system.platforms.local.watch_files import MINUTE_S, rendered

TARGETS = "targets.json"  # written by the exporter
_RETENTION = "1d"


class Watching(Part):
    """One of the two: its files are those of `system/monitoring`, and {patch: [{find, replace}]} edits them.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        watchers: those among them.
        name: of the part.
    """

    stop_grace_s = 5.0
    files: tuple[str, ...]

    def __init__(self, layout: Layout, programs: Programs, watchers: Watchers, name: str) -> None:
        super().__init__(layout, programs, name, name, layout.addresses.endpoint(name))
        self.watchers = watchers
        self.data = layout.data / name
        self.folder = layout.run / name

    async def prepare(self) -> None:
        """Write the files."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        for name, text in self.config().items():
            (self.folder / name).write_text(text)

    def config(self) -> dict[str, str]:
        """Give the files with the patches in force."""
        place = self.layout.addresses.endpoint
        filled = {
            **{name: place(name) for name in ("prometheus", "alertmanager", "exporter", "pager", "traces")},
            "targets": self.layout.run / TARGETS,
            "smtp": place("pager-mail"),
            "smtp_tls": "false",
            "slack_url_file": self.folder / "slack-url",
            "runbooks": f"file://{PROJECT}/docs/runbooks",
        }
        return {name: rendered(name, filled, self.settings.get("patch", [])) for name in self.files}

    async def probe(self) -> str:
        """Ask for readiness."""
        status = await http_probe.status(self.endpoint, "/-/ready")
        return "" if status == 200 else f"/-/ready answers {status}"

    def running(self, program: object, *options: str) -> Command:
        """Give the command; one processor is enough for either."""
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "GOMAXPROCS": "1", "GOGC": "50"}
        return Command([str(program), *options], environment, self.folder)


class Prometheus(Watching):
    """Scrapes every part that has figures, and evaluates the rules."""

    files = ("prometheus.yaml", "rules.yaml")

    def command(self) -> Command:
        """Run it."""
        return self.running(
            self.watchers.prometheus,
            f"--config.file={self.folder / self.files[0]}",
            f"--storage.tsdb.path={self.data}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={self.endpoint}",
            f"--query.lookback-delta={5 * MINUTE_S:g}s",  # five minutes, as by default
            "--rules.alert.resend-delay=1s",  # an alert that is told no more ends after four of these
            "--rules.alert.for-grace-period=1s",
            "--log.level=warn",
        )


class Alertmanager(Watching):
    """Tells the pager."""

    files = ("alertmanager.yaml",)

    async def prepare(self) -> None:
        """Write the files, and give the templates a place."""
        await super().prepare()
        url = self.folder / "slack-url"
        url.write_text(f"http://{self.layout.addresses.endpoint('pager')}/slack")
        link = self.folder / ASSETS
        link.unlink(missing_ok=True)
        if self.watchers.assets is not None:
            link.symlink_to(self.watchers.assets)

    def command(self) -> Command:
        """Run it."""
        return self.running(
            self.watchers.alertmanager,
            f"--config.file={self.folder / self.files[0]}",
            f"--storage.path={self.data}",
            f"--web.listen-address={self.endpoint}",
            "--cluster.listen-address=",
            "--log.level=warn",
        )
