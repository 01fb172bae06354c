"""Figures of what has none of its own: servers, public hosts, certificates; and a list of the parts that have some.

Everything is asked when somebody asks for the figures, all at once, and what does not answer in time is down.
"""

import argparse
import asyncio
import json
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric

from system.platforms.local.addresses import SLOTS, Endpoint
from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.measures import Measures
from system.platforms.local.parts.exporter import NAME
from system.platforms.local.parts.watching import TARGETS

_STATUS_WITHIN_S = 1.0
_TIERS = (*SLOTS, "backups", "autoscaler")


class Collector:
    """Asks for everything whenever it is collected.

    Args:
        measures: what can be asked.
        layout: where the list of targets goes.
    """

    def __init__(self, measures: Measures, layout: Layout) -> None:
        self._measures, self._layout = measures, layout
        self._instances: dict[str, Endpoint] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: to be registered must not ask anybody."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Give every figure."""
        self._instances = list_targets(self._layout) or self._instances
        asked = self._measures.all(self._instances)
        figures = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        families: dict[str, GaugeMetricFamily] = {}
        for figure in figures:
            labels = figure.labels
            family = families.setdefault(
                figure.name, GaugeMetricFamily(figure.name, figure.help, labels=sorted(labels))
            )
            family.add_metric([labels[name] for name in sorted(labels)], figure.value)
        return families.values()


def list_targets(layout: Layout) -> dict[str, Endpoint]:
    """Write down which parts have figures, where that has changed, and give the services' instances.

    While the platform does not say, the list stays, and nothing is given.
    """
    try:
        status = call(layout.control_socket, "GET", "/v1/status", timeout_s=_STATUS_WITHIN_S)
    except PlatformError as error:
        print(f"targets: {error}", flush=True)
        return {}
    if status is None:
        return {}
    targets = [
        {
            "targets": [f"{part['address']}:{part['port']}"],
            "labels": {"component": part["name"], "tier": part["service"]},
        }
        for part in status["parts"]
        if part["service"] in _TIERS
    ]
    file, text = layout.run / TARGETS, json.dumps(targets)
    if not file.exists() or file.read_text() != text:
        half = file.with_suffix(".half")
        half.write_text(text)
        half.rename(file)
    return {
        part["name"]: Endpoint(part["address"], part["port"]) for part in status["parts"] if part["service"] in SLOTS
    }


def main(arguments: list[str]) -> None:
    """Answer for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--hosts", required=True)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    list_targets(layout)
    REGISTRY.register(Collector(Measures(layout, options.hosts.split(",")), layout))
    place = layout.addresses.endpoint(NAME)
    _, thread = start_http_server(place.port, place.address)
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
