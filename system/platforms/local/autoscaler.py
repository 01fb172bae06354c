"""Runs as many instances of a service as its requests need, asking the instances' own counters every second."""

import argparse
import http.client
import math
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import Gauge, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from system.platforms.local.addresses import Endpoint
from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts.autoscaler import NAME, Policy

_EVERY_S = 1.0
_ANSWER_WITHIN_S = 1.0
_SCALED_WITHIN_S = 120.0
_PROBES = {"/livez", "/readyz", "/metrics"}
_RATE = Gauge("autoscaler_requests_per_second", "Requests that all instances of the service answer, without probes")
_WANTED = Gauge("autoscaler_wanted_instances", "How many instances the service should have")


class Demand:
    """How many instances the requests of the last seconds need.

    More than there are by the mean of `out_after_s`, since a busy service does not answer evenly; fewer only where that was enough
    at each moment of `in_after_s`.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._answered: deque[tuple[float, Mapping[str, float]]] = deque()
        self._needed: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, answered: Mapping[str, float]) -> float:
        """Note how many requests each instance has answered by now; return how many all did a second, in the mean.

        Who has too much to do to say so is left out, and what it did meanwhile is counted once it says so again.
        """
        self._answered.append((at_s, answered))
        while len(self._answered) > 1 and self._answered[1][0] <= at_s - self._policy.out_after_s:
            self._answered.popleft()
        total, known = 0.0, dict[str, float]()
        for _, counts in self._answered:
            # What was started anew counts from zero, and what is new was never asked before.
            total += sum(max(0.0, count - known[name]) for name, count in counts.items() if name in known)
            known |= counts
        per_s = total / (at_s - self._answered[0][0]) if len(self._answered) > 1 else 0.0
        self._needed.append((at_s, max(1, math.ceil(per_s / self._policy.requests_per_s))))
        while self._needed[0][0] < at_s - self._policy.in_after_s:
            self._needed.popleft()
        return per_s

    def wanted(self, count: int) -> int:
        """Return how many there should be where there are `count`."""
        policy, (now_s, needed) = self._policy, self._needed[-1]
        for_long = max(each for _, each in self._needed)
        if now_s - self._answered[0][0] >= policy.out_after_s and needed > count:
            count = needed
        elif now_s - self._needed[0][0] >= policy.in_after_s - _EVERY_S and for_long < count:
            count = for_long
        return min(policy.most, max(policy.least, count))


def main(arguments: list[str]) -> None:
    """Keep to the policy for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    for name, default in vars(Policy()).items():
        parser.add_argument(f"--{name}", type=type(default), required=True)
    options = vars(parser.parse_args(arguments))
    layout = Layout.of(options.pop("state"), options.pop("base_port"))
    policy = Policy(**options)
    endpoint = layout.addresses.endpoint(NAME)
    start_http_server(endpoint.port, endpoint.address)
    demand = Demand(policy)
    while True:
        try:
            instances = _instances(layout, policy.service)
            counts = answered(instances)
            per_s = demand.add(time.monotonic(), counts)
            wanted = demand.wanted(len(instances))
            _RATE.set(per_s)
            _WANTED.set(wanted)
            if instances and wanted != len(instances):
                said = f"{per_s:.0f} requests/s on {len(instances)} instances"
                print(f"{policy.service}: {said}, {wanted} wanted", flush=True)
                body = {"service": policy.service, "count": wanted}
                call(layout.control_socket, "POST", "/v1/scale", body, timeout_s=_SCALED_WITHIN_S)
        except PlatformError as error:
            print(f"{policy.service}: {error}", flush=True)
        time.sleep(_EVERY_S)


def _instances(layout: Layout, service: str) -> dict[str, Endpoint]:
    """List the instances by name; none while the platform starts or stops."""
    status = call(layout.control_socket, "GET", "/v1/status") or {"parts": []}
    return {
        each["name"]: Endpoint(each["address"], each["port"]) for each in status["parts"] if each["service"] == service
    }


def answered(instances: Mapping[str, Endpoint]) -> dict[str, float]:
    """Ask every instance how many requests it has answered; one that does not say is left out."""
    counts = {}
    for name, endpoint in instances.items():
        connection = http.client.HTTPConnection(endpoint.address, endpoint.port, timeout=_ANSWER_WITHIN_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
        counts[name] = sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "http_requests_total" and sample.labels["route"] not in _PROBES
        )
    return counts


if __name__ == "__main__":
    main(sys.argv[1:])
