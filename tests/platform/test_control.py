"""The control protocol, against its schema and a real instance."""

import http.client
import json
import re
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import psycopg
import pytest
import redis
from cryptography import x509

from seatrial.probes import tls
from system.platforms.local.addresses import INSTANCES
from tests.platform.bench import Running, schema, wait_for

SCHEMA = schema()


def fits(definition: str, answer: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(answer, {**SCHEMA, "$ref": f"#/$defs/{definition}"})
    return answer


def version_source() -> dict[str, str]:
    """A patch that changes one file of one service and nothing of what it does."""
    text = Path("system/edge/__init__.py").read_text()
    first = text.splitlines()[0]
    return {"file": "system/edge/__init__.py", "find": first, "replace": f"{first}  # patched"}


def broken_source() -> dict[str, str]:
    return {**version_source(), "replace": "raise SystemExit('this release is broken')"}


def test_the_schema_is_a_schema_and_each_call_refers_to_what_is_there() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for call in SCHEMA["x-calls"]:
        for side in ("request", "answer"):
            assert call[side].removeprefix("#/$defs/") in SCHEMA["$defs"], call


def test_status_offers_exactly_the_calls_of_the_schema(running: Running) -> None:
    status = fits("status_answer", running.get("status"))
    every = {call["call"] for call in SCHEMA["x-calls"]}
    assert set(status["calls"]) | {"disk"} == every, "disk is offered where a file system may be mounted"
    assert status["ready"]
    assert {part["name"] for part in status["parts"]} >= {"postgres", "redis", "s3", "ingress", *INSTANCES}
    assert status["timings"]["serving_s"] <= status["timings"]["ready_s"]


def test_logs_give_the_last_lines_of_a_part(running: Running) -> None:
    lines = fits("logs_answer", running.get("logs?part=api-1&lines=1"))["lines"]
    assert len(lines) == 1
    assert json.loads(lines[0])["instance"] == "api-1"


def test_logs_refuse_a_name_that_is_no_part(running: Running) -> None:
    answer = running.ask("GET", "logs?part=../secrets/jwt")
    assert answer.status_code == 404
    assert "there is no log" in fits("error", answer.json())["error"]


def test_processes_cover_the_guardian_and_postgres_own_children(running: Running) -> None:
    processes = fits("processes_answer", running.get("processes"))["processes"]
    assert {each["part"] for each in processes} >= {"platform", "postgres", *INSTANCES}
    assert any("checkpointer" in each["command"] and each["part"] == "postgres" for each in processes)


def test_every_listener_is_declared_and_lies_in_the_loopback_network(running: Running) -> None:
    declared = {(each["address"], each["port"]) for each in running.get("status")["declared_ports"]}
    now = fits("listeners_answer", running.get("listeners"))["now"]
    ours = {(each["address"], each["port"]) for each in now if each["part"] is not None}
    assert ours == declared
    assert all(address.startswith("127.") for address, _ in ours)


def test_config_shows_no_secret(running: Running) -> None:
    config = fits("config_answer", running.get("config"))["parts"]
    text = json.dumps(config)
    secrets = {path.read_text() for path in running.layout.secrets.rglob("*") if path.is_file()}
    assert not [secret for secret in secrets if secret in text]
    assert config["api-1"]["DATABASE_PASSWORD"] == "<secret>"
    assert config["api-1"]["INSTANCE"] == "api-1"


def test_a_disk_is_filled_under_the_feet_of_its_service_and_freed(running: Running) -> None:
    if "disk" not in running.get("status")["calls"]:
        assert running.ask("GET", "disk").status_code == 404
        return
    before = fits("disks_answer", running.get("disk"))["places"]
    assert [each["part"] for each in before] == ["edge-1", "edge-2", "worker-1"]
    ready = f"http://{running.layout.addresses.endpoint('worker-1')}/readyz"
    try:
        filled = fits("place", running.post("disk", {"part": "worker-1", "full": True}))
        assert (filled["full"], filled["free_bytes"]) == (True, 0)
        wait_for(lambda: httpx2.get(ready).status_code == 503, 5)
        assert not httpx2.get(ready).json()["dependencies"]["disk"]["ok"]
    finally:
        freed = fits("place", running.post("disk", {"part": "worker-1", "full": False}))
    assert not freed["full"]
    wait_for(lambda: httpx2.get(ready).status_code == 200, 5)


def test_no_secret_stands_in_a_command_line(running: Running) -> None:
    text = json.dumps(running.get("processes"))
    files = [path for path in running.layout.secrets.rglob("*") if path.is_file()]
    assert not [path.name for path in files if path.read_text() in text]


def test_restart_puts_settings_in_force_and_an_empty_restart_takes_them_back(running: Running) -> None:
    changed = running.post("restart", {"part": "redis", "settings": {"maxmemory-policy": "allkeys-lru"}})
    assert fits("readiness", changed)["ready"]
    assert running.part("redis")["settings"] == {"maxmemory-policy": "allkeys-lru"}
    assert running.get("config")["parts"]["redis"]["maxmemory-policy"] == "allkeys-lru"
    fits("readiness", running.post("restart", {"part": "redis"}))
    assert running.get("config")["parts"]["redis"]["maxmemory-policy"] == "noeviction"


def test_restart_says_when_settings_keep_a_part_from_becoming_ready(running: Running) -> None:
    answer = fits("readiness", running.post("restart", {"part": "edge-2", "settings": {"CACHE_MAX_BYTES": "none"}}))
    assert not answer["ready"]
    assert "exit code" in answer["reason"]
    assert fits("readiness", running.post("restart", {"part": "edge-2"}))["ready"]


def test_a_restart_at_once_waits_for_nothing(running: Running) -> None:
    settings = {"S3_ENDPOINT": "http://127.0.0.1:1"}
    answer = fits("readiness", running.post("restart", {"part": "edge-2", "settings": settings, "at_once": True}))
    assert (answer["ready"], answer["state"]) == (False, "starting")
    assert running.part("edge-2")["state"] == "starting"
    assert fits("readiness", running.post("restart", {"part": "edge-2"}))["ready"]


def test_postgres_takes_settings_and_hba_lines(running: Running) -> None:
    settings = {"work_mem": "5MB", "hba": "hostssl all observer 127.0.0.1/32 reject\n"}
    assert running.post("restart", {"part": "postgres", "settings": settings})["ready"]
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        connect(running, "observer")
    assert running.post("restart", {"part": "postgres"})["ready"]
    connect(running, "observer").close()


def connect(running: Running, user: str, **how: str) -> "psycopg.Connection[Any]":
    endpoint = running.layout.addresses.endpoint("postgres")
    parameters = {
        "host": "pg.seatrial.internal",
        "hostaddr": endpoint.address,
        "port": str(endpoint.port),
        "dbname": "seatrial",
        "user": user,
        "password": (running.layout.secrets / f"postgres-{user}").read_text(),
        "sslmode": "verify-full",
        "sslrootcert": str(running.layout.ca / "root.crt"),
        **how,
    }
    return psycopg.connect(psycopg.conninfo.make_conninfo("", **parameters))


def test_the_observer_can_read_and_not_write_even_when_it_asks_for_it(running: Running) -> None:
    with connect(running, "observer") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (4,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM accounts")


def test_postgres_refuses_cleartext(running: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(running, "api", sslmode="disable", sslrootcert="")


def test_a_killed_part_comes_back_and_is_counted(running: Running) -> None:
    before = running.part("redis")
    assert fits("kill_answer", running.post("kill", {"part": "redis"}))["pids"] == [before["pid"]]
    wait_for(lambda: running.ready_again("redis", before["restarts"]))


def test_a_killed_postmaster_comes_back_although_its_children_outlive_it(running: Running) -> None:
    before = running.part("postgres")
    running.post("kill", {"part": "postgres", "signal": "KILL"})
    wait_for(lambda: running.ready_again("postgres", before["restarts"]), 60)


def test_kill_reaches_a_child_by_its_command(running: Running) -> None:
    before = running.part("postgres")
    assert running.post("kill", {"part": "postgres", "signal": "TERM", "child": "autovacuum launcher"})["pids"]
    answer = running.ask("POST", "kill", {"part": "redis", "child": "ffmpeg"})
    assert answer.status_code == 409
    assert "no process below it" in fits("error", answer.json())["error"]
    assert running.part("postgres")["pid"] == before["pid"]


def test_pause_freezes_a_part_and_resume_lets_it_go_on(running: Running) -> None:
    assert fits("part_state", running.post("pause", {"part": "redis"}))["state"] == "paused"
    assert not running.get("status")["ready"]
    assert fits("part_state", running.post("resume", {"part": "redis"}))["state"] == "ready"


def test_a_stopped_part_stays_down_until_it_is_started(running: Running) -> None:
    assert fits("part_state", running.post("stop", {"part": "redis"}))["state"] == "stopped"
    assert running.part("redis")["pid"] is None
    assert fits("part_state", running.post("start", {"part": "redis"}))["state"] == "ready"


@pytest.mark.parametrize("part", ["edge-2", "pgbouncer", "postgres-standby", "s3", "ingress"])
def test_a_cut_link_lets_nobody_in_until_it_is_opened(running: Running, part: str) -> None:
    found = running.part(part)
    place = found["address"], found["port"]
    assert fits("link_answer", running.post("link", {"part": part, "mode": "partition"}))["sockets"] >= 1
    with pytest.raises(TimeoutError):
        socket.create_connection(place, 0.3)
    assert fits("link_answer", running.post("link", {"part": part, "mode": "open"}))["sockets"] >= 1
    socket.create_connection(place, 30).close()


def test_a_part_that_starts_has_an_open_link(running: Running) -> None:
    running.post("link", {"part": "edge-2", "mode": "partition"})
    running.post("restart", {"part": "edge-2"})
    found = running.part("edge-2")
    socket.create_connection((found["address"], found["port"]), 30).close()


def test_a_link_has_no_other_modes_and_leads_to_no_part_that_is_down(running: Running) -> None:
    assert running.ask("POST", "link", {"part": "edge-2", "mode": "loss"}).status_code == 400
    running.post("stop", {"part": "edge-2"})
    refused = running.ask("POST", "link", {"part": "edge-2", "mode": "latency"})
    assert "there is no link into it" in fits("error", refused.json())["error"]
    assert fits("link_answer", running.post("link", {"part": "edge-2", "mode": "open"}))["sockets"] == 0
    running.post("start", {"part": "edge-2"})


def test_deploy_rolls_a_patched_release_to_every_instance_and_rollback_returns(running: Running) -> None:
    first, shipped = running.get("status")["release"], running.get("config")["parts"]
    settings = {"edge": {"LINK_SKEW_S": "7", "LOG_LEVEL": None}}
    answer = fits("rolled", running.post("deploy", {"patch": [version_source()], "settings": settings}))
    assert answer["previous"] == first
    assert answer["release"] != first
    status, config = running.get("status"), running.get("config")["parts"]
    assert {part["release"] for part in status["parts"] if part["name"] in INSTANCES} == {answer["release"]}
    assert [config[name].get("LINK_SKEW_S") for name in ("edge-1", "edge-2")] == ["7", "7"]
    assert "LOG_LEVEL" not in config["edge-2"]
    assert config["api-1"]["LOG_LEVEL"] == "INFO"
    assert fits("rolled", running.post("rollback", {"release": first}))["release"] == first
    status = running.get("status")
    assert status["release"] == first
    assert status["ready"]
    assert running.get("config")["parts"] == shipped
    changes = fits("releases_answer", running.get("releases"))["changes"]
    assert [(each["by"], each["release"], each["outcome"]) for each in changes[:2]] == [
        ("rollback", first, "in force"),
        ("deploy", answer["release"], "in force"),
    ]


def test_a_service_is_scaled_out_and_in(running: Running) -> None:
    assert fits("scale_answer", running.post("scale", {"service": "edge", "count": 3}))["previous"] == 2
    grown = running.get("status")
    assert fits("scale_answer", running.post("scale", {"service": "edge", "count": 2}))["previous"] == 3
    shrunk = running.get("status")

    assert running.layout.addresses.endpoint("edge-3").port in {part["port"] for part in grown["parts"]}
    assert grown["ready"]
    assert {part["name"] for part in shrunk["parts"]} == {part["name"] for part in grown["parts"]} - {"edge-3"}


@pytest.mark.parametrize(
    ("call", "asked", "words"),
    [
        ("scale", {"service": "edge", "count": 4}, "room for 3"),
        ("scale", {"service": "edge", "count": 0}, "from 1 to"),
        ("scale", {"service": "redis", "count": 1}, "no service redis"),
        ("deploy", {"settings": {"redis": {"A": "b"}}}, "no service redis"),
        ("deploy", {"settings": {"edge": {"LINK_KEYS": "k"}}}, "LINK_KEYS: secrets are no configuration"),
        ("deploy", {"settings": {"edge": ["A"]}}, "objects of strings"),
    ],
)
def test_what_cannot_be_deployed_or_scaled_is_refused(
    running: Running, call: str, asked: dict[str, Any], words: str
) -> None:
    answer = running.ask("POST", call, asked)

    assert answer.status_code == 400
    assert words in fits("error", answer.json())["error"]


def test_a_deploy_at_once_moves_every_instance_and_keeps_what_the_release_before_was_made_of(running: Running) -> None:
    first = running.get("status")["release"]

    patch = {"patch": [version_source()], "settings": {"edge": {"LINK_SKEW_S": "7"}}, "at_once": True}
    fits("rolled", running.post("deploy", patch))
    more = {"settings": {"edge": {"LINK_MAX_LIFETIME_S": "900"}}, "at_once": True}
    second = fits("rolled", running.post("deploy", more))["release"]
    moved, config = running.get("status"), running.get("config")["parts"]["edge-1"]
    running.post("rollback", {"release": first, "at_once": True})
    back = running.get("status")

    assert {part["release"] for part in moved["parts"] if part["name"] in INSTANCES} == {second}
    assert {part["release"] for part in back["parts"] if part["name"] in INSTANCES} == {first}
    assert moved["ready"]
    assert back["ready"]
    assert (config["LINK_SKEW_S"], config["LINK_MAX_LIFETIME_S"]) == ("7", "900")
    source = running.layout.releases / second / "system/edge/__init__.py"
    assert source.read_text().splitlines()[0].endswith("# patched")


def releases(running: Running) -> dict[str, str]:
    return {part["name"]: part["release"] for part in running.get("status")["parts"] if part["name"] in INSTANCES}


def test_a_canary_is_alone_on_its_release_until_a_rollback(running: Running) -> None:
    before = releases(running)

    answer = fits("rolled", running.post("canary", {"instances": ["edge-2"], "patch": [version_source()]}))
    during, current = releases(running), running.get("status")["release"]
    running.post("rollback", {"release": answer["previous"]})

    assert during == {**before, "edge-2": answer["release"]}
    assert current == answer["previous"] == before["edge-2"] != answer["release"]
    assert releases(running) == before


def test_a_canary_that_does_not_become_ready_goes_back(running: Running) -> None:
    before = releases(running)

    answer = running.ask("POST", "canary", {"instances": ["edge-2"], "patch": [broken_source()]})

    assert answer.status_code == 409
    assert "went back" in fits("error", answer.json())["error"]
    assert releases(running) == before
    assert running.get("status")["ready"]


def test_releases_are_built_from_the_patched_source_until_it_is_taken_back(running: Running) -> None:
    first = running.get("status")["release"]

    patched = fits("patch_answer", running.post("patch", {"patch": [version_source()]}))["patched"]
    status = fits("status_answer", running.get("status"))
    carried = running.post("canary", {"instances": ["edge-2"]})["release"]
    running.post("patch", {"patch": []})
    plain = running.post("canary", {"instances": ["edge-2"]})["release"]

    assert status["patched"] == patched == ["system/edge/__init__.py"]
    assert status["release"] == first
    assert carried != first
    assert plain == first
    assert running.get("status")["patched"] == []


def test_the_ingress_shares_requests_by_weight(running: Running) -> None:
    layout = running.layout
    running.post("restart", {"part": "ingress", "settings": {"weights": {"api": {"api-1": 3, "api-2": 1}}}})
    host, endpoint = layout.addresses.host("api"), layout.addresses.endpoint("https")
    context = ssl.create_default_context(cafile=str(running.layout.ca / "root.crt"))

    answered = [_instance(context, host, (endpoint.address, endpoint.port)) for _ in range(16)]
    running.post("restart", {"part": "ingress", "settings": {}})

    assert (answered.count("api-1"), answered.count("api-2")) == (12, 4)


def _instance(context: ssl.SSLContext, host: str, address: tuple[str, int]) -> str:
    with (
        socket.create_connection(address, timeout=5) as bare,
        context.wrap_socket(bare, server_hostname=host) as connection,
    ):
        connection.sendall(f"GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["instance"])


def test_a_release_that_does_not_become_ready_is_rolled_back(running: Running) -> None:
    first = running.get("status")["release"]
    parts = {part["name"]: part["pid"] for part in running.get("status")["parts"]}
    answer = running.ask("POST", "deploy", {"patch": [broken_source()], "services": ["edge"]})
    assert answer.status_code == 409
    assert re.search(r"rolled back.*edge-3: .*this release is broken", fits("error", answer.json())["error"])
    status = running.get("status")
    assert status["release"] == first
    assert status["ready"]
    assert {part["name"]: part["pid"] for part in status["parts"]} == parts
    last = running.get("releases")["changes"][0]
    assert (last["outcome"], last["previous"]) == ("rolled back", first)
    assert "this release is broken" in last["reason"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"file": "system/edge/__init__.py", "find": "no such text", "replace": ""}, "occurs 0 times"),
        ({"file": "system/../README.md", "find": "a", "replace": ""}, "no file"),
        ({"file": "system/edge/__init__.py"}, "file, find and replace"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(running: Running, edit: dict[str, str], words: str) -> None:
    answer = running.ask("POST", "deploy", {"patch": [edit]})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize("part", ["postgres", "redis"])
def test_a_foreign_certificate_is_served_at_once_and_the_proper_one_again(running: Running, part: str) -> None:
    assert not fits("certificate_answer", running.post("certificate", {"part": part, "self_signed": True}))["proper"]
    wait_for(lambda: not trusted(running, part))
    assert fits("certificate_answer", running.post("certificate", {"part": part}))["proper"]
    wait_for(lambda: trusted(running, part))


def test_a_clock_is_moved_at_a_restart_then_while_it_runs_and_set_right(running: Running) -> None:
    seen, pids = [], []
    for seconds in (120, -120, 0, 0):
        assert fits("clock", running.post("clock", {"part": "edge-2", "seconds": seconds}))["seconds"] == seconds
        wait_for(partial(clock_is_off, running, "edge-2", seconds))
        seen.append(clock_is_off(running, "edge-1", 0))
        pids.append(running.part("edge-2")["pid"])
    assert all(seen), "only one instance's clock was to be moved"
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not (running.layout.run / "edge-2.clock").exists()
    assert running.part("edge-2")["settings"] == {}


def clock_is_off(running: Running, name: str, seconds: int) -> bool:
    """Tell by its Date header whether an instance's clock is so far ahead."""
    endpoint = running.layout.addresses.endpoint(name)
    connection = http.client.HTTPConnection(endpoint.address, endpoint.port, timeout=5)
    try:
        connection.request("GET", "/livez")
        said = connection.getresponse().headers["date"]
    finally:
        connection.close()
    return abs(parsedate_to_datetime(said).timestamp() - time.time() - seconds) < 10


def test_an_ingress_whose_authority_is_lost_stays_down_until_it_has_another_one(running: Running) -> None:
    def signer() -> int:
        kept = running.layout.data / "ingress/pki/authorities/local/intermediate.crt"
        return x509.load_pem_x509_certificate(kept.read_bytes()).serial_number

    before = signer()
    assert not fits("certificate_answer", running.post("certificate", {"part": "ingress", "lost": True}))["proper"]
    wait_for(lambda: running.part("ingress")["state"] == "failed")
    assert fits("certificate_answer", running.post("certificate", {"part": "ingress"}))["proper"]
    assert running.part("ingress")["state"] == "ready"
    assert signer() != before


def test_an_expired_certificate_at_the_ingress_is_served_until_the_proper_one_is_asked_for(running: Running) -> None:
    def error() -> str | None:
        place = running.layout.addresses.endpoint("https")
        root = running.layout.ca / "root.crt"
        return tls.handshake("app.seatrial.localhost", place.port, address=place.address, ca=root).error

    running.post("certificate", {"part": "ingress", "days": 0})
    wait_for(lambda: "expired" in (error() or ""))
    running.post("certificate", {"part": "ingress"})
    assert error() is None


def trusted(running: Running, part: str) -> bool:
    endpoint = running.layout.addresses.endpoint(part)
    if part == "postgres":
        try:
            connect(running, "observer").close()
        except psycopg.OperationalError as error:
            return "certificate verify failed" not in str(error)
        return True
    context = ssl.create_default_context(cafile=str(running.layout.ca / "root.crt"))
    with socket.create_connection((endpoint.address, endpoint.port)) as plain:
        try:
            context.wrap_socket(plain, server_hostname="redis.seatrial.internal").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_an_account_gets_a_password_file(running: Running) -> None:
    answer = fits("account_answer", running.post("account", {"email": "new@example.test"}))
    path = Path(answer["password_file"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) >= 32
    assert running.ask("POST", "account", {"email": "no address"}).status_code == 400


def test_a_scratch_server_is_empty_can_be_migrated_and_goes_away(running: Running) -> None:
    scratch = fits("scratch_answer", running.post("scratch"))
    try:
        password = Path(scratch["password_file"]).read_text()
        assert password != (running.layout.secrets / "postgres-admin").read_text()
        migrated = fits("migrate_answer", running.post("migrate", {"database": scratch["id"]}))
        assert migrated["applied"]
        assert migrated["head"] == migrated["applied"][-1]
        down = fits(
            "migrate_answer", running.post("migrate", {"database": scratch["id"], "direction": "down", "steps": 2})
        )
        assert down["reverted"] == migrated["applied"][:-3:-1]
        up = fits("migrate_answer", running.post("migrate", {"database": scratch["id"], "steps": 1}))
        assert up["applied"] == migrated["applied"][-2:-1]
        where = {name: scratch[name] for name in ("host", "port", "dbname", "user")}
        with psycopg.connect(**where, password=password, sslmode="require") as connection:
            assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    finally:
        fits("scratch_id", running.ask("DELETE", f"scratch/{scratch['id']}").json())
    assert scratch["id"] not in {part["name"] for part in running.get("status")["parts"]}
    assert running.ask("DELETE", f"scratch/{scratch['id']}").status_code == 404


def test_migrating_the_live_database_again_applies_nothing(running: Running) -> None:
    assert fits("migrate_answer", running.post("migrate"))["applied"] == []


@pytest.mark.parametrize("asked", [{"direction": "down"}, {"steps": 1}])
def test_the_live_database_is_never_taken_down_nor_half_way_up(running: Running, asked: dict[str, object]) -> None:
    assert running.ask("POST", "migrate", asked).status_code == 400


@pytest.mark.parametrize(
    ("method", "call", "body", "status", "words"),
    [
        ("GET", "nothing", None, 404, "there is no call"),
        ("GET", "restart", None, 405, "takes POST"),
        ("POST", "restart", {}, 400, "part is missing"),
        ("POST", "restart", {"part": "mail"}, 404, "parts are postgres"),
        ("POST", "restart", {"part": "redis", "setting": {}}, 400, "unknown argument setting"),
        ("POST", "kill", {"part": "redis", "signal": "HUP"}, 400, "must be one of KILL, TERM"),
        ("POST", "kill", {"part": "redis", "child": "x", "stay_down": True}, 400, "stays down as a whole"),
        ("POST", "switchover", {"to": "mail"}, 404, "parts are postgres"),
        ("POST", "rollback", {"release": "../x"}, 404, "there is no release"),
        ("POST", "deploy", {"services": ["mail"]}, 400, "there is no service mail"),
        ("POST", "canary", {"instances": ["api-9"]}, 400, "there is no instance api-9"),
        ("POST", "clock", {"part": "redis", "seconds": 4}, 400, "only instances of the services"),
        ("POST", "clock", {"part": "api-1", "seconds": 601}, 400, "from -600 to 600"),
        ("POST", "certificate", {"part": "s3"}, 400, "only postgres, redis, redis-replica, ingress"),
        ("POST", "certificate", {"part": "redis", "lost": True}, 400, "for ingress"),
    ],
)
def test_a_wrong_call_is_refused_with_one_line(
    running: Running, method: str, call: str, body: dict[str, Any] | None, status: int, words: str
) -> None:
    answer = running.ask(method, call, body)
    assert answer.status_code == status
    message = fits("error", answer.json())["error"]
    assert words in message
    assert "\n" not in message


def redis_as(running: Running, user: str) -> "redis.Redis":
    endpoint = running.layout.addresses.endpoint("redis")
    return redis.Redis(
        host=endpoint.address,
        port=endpoint.port,
        ssl=True,
        ssl_ca_certs=str(running.layout.ca / "root.crt"),
        username=user,
        password=(running.layout.secrets / f"redis-{user}").read_text(),
        decode_responses=True,
    )


def test_the_observer_of_redis_reads_everything_and_changes_nothing(running: Running) -> None:
    with redis_as(running, "observer") as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.execute_command("ACL LIST")
        assert client.info("persistence")
        for line in (
            "SET a b",
            "XADD jobs:preview * a b",
            "CLIENT KILL ID 1",
            "CONFIG SET maxmemory 1",
            "FLUSHALL",
            "KEYS *",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*line.split())


def test_a_service_of_redis_is_kept_to_its_own_keys(running: Running) -> None:
    with redis_as(running, "api") as client:
        client.incr("rate:probe")
        client.delete("rate:probe")
        for line in ("GET worker:worker-1", "SET other b", "FLUSHDB", "CONFIG GET maxmemory"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*line.split())
