"""The rules of DEP-SPEC-01, each with files that keep it and files that break it; the project's own are the good ones."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import Failure
from seatrial.declared import CloudFirewall
from seatrial.profile import load
from suites.deploy import (
    _app_spec,
    _compose_spec,
    _deployment_files,
    _image,
    _spec_rules,
    _tofu,
    _tofu_rules,
    _variables,
)
from suites.security import _dockerfile

FOLDER = Path("system/platforms/digitalocean")
APP = (FOLDER / "app.yaml").read_text()
COMPOSE = Path("system/platforms/compose/compose.yaml").read_text()
STAGES = _dockerfile.stages_of(Path("system/platforms/compose/Dockerfile").read_text())
DROPLET = 'variable "size" { default = "%s" }\nresource "digitalocean_droplet" "gpu" {\n  size = var.size\n}\n'


def changed(find: str, replace: str, *, text: str = APP) -> str:
    assert find in text
    return text.replace(find, replace, 1)


def spec(find: str = "", replace: str = "") -> _app_spec.AppSpec:
    return _app_spec.read(changed(find, replace) if find else APP)


def tofu(folder: Path, text: str) -> _tofu.Tofu:
    (folder / "main.tf").write_text(text)
    return _tofu.read(folder)


def service_problems(given: _app_spec.AppSpec, drain_s: float = 10.0) -> list[str]:
    return [
        problem
        for each in given.services
        for problem in _spec_rules.service(each, _image.of(STAGES, each.name), drain_s)
    ]


def test_the_projects_own_spec_keeps_every_rule() -> None:
    given = spec()

    assert service_problems(given) == []
    assert [*_spec_rules.whole(given), *_spec_rules.public(given), *_spec_rules.jobs(given)] == []
    for component in (*given.services, *given.jobs):
        assert [*_spec_rules.unknown_bindables(given, component), *_spec_rules.secrets(component)] == []


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("type: DEDICATED_IP", "type: DEDICATED_IP, port: 1", "egress.port"),
        ("region: tor", "region: moon", "region"),
        ("http_port: 8080", "http_port: '8080'", "services.0.http_port"),
        ("http_port: 8080", "http_port: 70000", "services.0.http_port"),
        ('type: PRIMARY, minimum_tls_version: "1.2"', "type: PRIMARY", "domains.0.minimum_tls_version"),
        ('type: PRIMARY, minimum_tls_version: "1.2"', "type: PRIMARY, minimum_tls_version: 1.2", "domains.0"),
        ("drain_seconds: 15", "drain_seconds: 200", "services.0.termination.drain_seconds"),
        ("scope: RUN_TIME", "scope: RUNTIME", "services.0.envs.0.scope"),
        ("apps-d-1vcpu-2gb", "gpu-l40sx1-48gb", "services.0.instance_size_slug"),
        ("apps-d-1vcpu-2gb", "apps-s-1vcpu-2gb", "autoscaling needs a dedicated processor"),
        ("    autoscaling:", "    instance_count: 2\n    autoscaling:", "give instance_count or autoscaling"),
        ("max_instance_count: 6", "max_instance_count: 1", "is below min_instance_count"),
        ("rule: DEPLOYMENT_FAILED", "rule: DEPLOYMENT_CANCELLED", "alerts.0.rule"),
        ("digest: sha256:0000", "tag: latest\n      digest: sha256:0000", "services.0.image.tag"),
        ("http_path: /livez, ", "success_threshold: 3, http_path: /livez, ", "liveness_health_check.success_threshold"),
        ("name: edge\n", "name: Edge\n", "services.1.name"),
        ("name: edge\n", "name: api\n", "given twice: api"),
        ("key: RELEASE,", "key: LISTEN_PORT,", "variables twice: LISTEN_PORT"),
        ("services:", "services: [", "a spec in YAML"),
    ],
)
def test_what_app_platform_would_refuse_is_refused(find: str, replace: str, words: str) -> None:
    text = changed(find, replace)
    if "success_threshold: 3" in replace:
        text = text.replace("timeout_seconds: 3, success_threshold: 1, failure_threshold: 6", "timeout_seconds: 3")

    with pytest.raises(Failure) as caught:
        _app_spec.read(text)

    assert words in str(caught.value)


def test_a_refusal_does_not_repeat_values() -> None:
    with pytest.raises(Failure) as caught:
        spec('value: "EV[replace]", scope: RUN_TIME, type: SECRET', "value: [hunter2], scope: RUN_TIME, type: SECRET")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("http_path: /readyz", "http_path: /livez", "the image is ready at /readyz"),
        ("repository: seatrial-edge", "repository: seatrial-api", "its image is seatrial-api, another's"),
        ("http_path: /livez", "http_path: /readyz", "not /livez"),
        ("http_path: /readyz", "port: 9, http_path: /readyz", "asks port 9"),
        ("http_port: 8080", "http_port: 8081", "the image listens on 8080"),
        ("min_instance_count: 2", "min_instance_count: 1", "expected 2 at least"),
        ("grace_period_seconds: 30", "grace_period_seconds: 10", "drains for 10 s"),
        (
            "rule: CPU_UTILIZATION, operator: GREATER_THAN",
            "rule: CPU_UTILIZATION, operator: LESS_THAN",
            "no alert CPU_UTILIZATION",
        ),
        ("- { rule: MEM_UTILIZATION,", "- { disabled: true, rule: MEM_UTILIZATION,", "no alert MEM_UTILIZATION"),
    ],
)
def test_a_service_that_disagrees_is_named(find: str, replace: str, words: str) -> None:
    problems = service_problems(spec(find, replace))

    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("component: { name: edge,", "component: { name: nobody,", "leads to nobody"),
        ("exact: play.example.com", "exact: plays.example.com", "which is no domain"),
        ("exact: play.example.com", "exact: plays.example.com", "no ingress rule leads all of play.example.com"),
        ("component: { name: edge,", "component: { name: api,", "leads to api, not to edge"),
        ("domain: play.example.com, type: ALIAS", "domain: play.example.com, type: PRIMARY", "not one primary"),
        ("domain: play.example.com", "domain: api.example.com", "given twice"),
    ],
)
def test_what_is_public_by_mistake_or_not_at_all_is_named(find: str, replace: str, words: str) -> None:
    problems = list(_spec_rules.public(spec(find, replace)))

    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("kind: PRE_DEPLOY", "kind: POST_DEPLOY", "no PRE_DEPLOY job migrates"),
        ("kind: FAILED_DEPLOY", "kind: POST_DEPLOY", "no FAILED_DEPLOY job"),
        (":25060/", ":25061/", "the pooler's"),
        ("kind: PRE_DEPLOY\n    image: *api", "kind: PRE_DEPLOY\n    image: { registry_type: DOCR, repository: x, digest: 'sha256:" + "1" * 64 + "' }", "another image"),
    ],
)  # fmt: skip
def test_a_job_that_is_missing_or_wrong_is_named(find: str, replace: str, words: str) -> None:
    problems = list(_spec_rules.jobs(spec(find, replace)))

    assert any(words in problem for problem in problems), problems


def test_a_bindable_of_nobody_and_a_secret_in_the_file_are_named() -> None:
    given = spec("${valkey.CA_CERT}", "${redis.CA_CERT}")
    open_secret = spec('JWT_KEY, value: "EV[replace]"', "JWT_KEY, value: abc")

    assert list(_spec_rules.unknown_bindables(given, given.services[0])) == ["VALKEY_CA: ${redis.CA_CERT} is nobody's"]
    assert list(_spec_rules.secrets(open_secret.services[0])) == ["JWT_KEY: a secret's value stands in the file"]


def test_components_that_are_told_different_things_are_named() -> None:
    same = {"a": {"S3_REGION": "x", "CACHE_DIR": "1"}, "b": {"S3_REGION": "x", "CACHE_DIR": "2"}}

    assert list(_spec_rules.different_values(same)) == []
    assert list(_spec_rules.different_values(same | {"c": {"S3_REGION": "y"}}))


def test_an_image_is_read_with_what_it_inherits() -> None:
    image = _image.of(STAGES, "edge")

    assert (image.port, image.health_path, image.exposed) == (8080, "/readyz", ("8080",))
    assert list(image.problems("edge")) == []
    assert list(image.problems("api")) == ['its command is ["python", "-m", "system.edge"]']
    assert len(list(_image.of(_dockerfile.stages_of("FROM scratch AS a\n"), "a").problems("a"))) == 4


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("    networks: [private]\n", "    network: [private]\n", "services.migrate"),
        ("name: seatrial\n", "name: seatrial\nvolume: {}\n", "volume"),
        ("condition: service_healthy", "condition: healthy", "condition"),
        ("  jwt: {", "  other: { file: /x }\n  jwt: {", "no service uses these secrets: other"),
    ],
)
def test_a_compose_file_with_what_it_cannot_have_is_refused(find: str, replace: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        _compose_spec.read(changed(find, replace, text=COMPOSE))

    assert words in str(caught.value)


def test_what_a_compose_file_names_and_does_not_have_is_named() -> None:
    def problems(find: str = "", replace: str = "") -> list[str]:
        compose = _compose_spec.read(changed(find, replace, text=COMPOSE) if find else COMPOSE)
        return [
            problem for service in compose.services.values() for problem in _compose_spec.dangling(compose, service)
        ]

    assert problems() == []
    assert problems("{ source: ca, target", "{ source: none, target") == ["there is no config none"]
    assert problems("    networks: [private]", "    networks: [other]") == ["there is no network other"]
    assert problems("service_completed_successfully }", "service_healthy }") == [
        "waits for migrate to be healthy, which nobody asks it"
    ]


def test_a_service_that_runs_anothers_image_is_named() -> None:
    files = _deployment_files.Files(Path.cwd(), 10.0)
    services = {"api", "edge", "frontend", "worker"}
    assert [
        problems for _, problems in files.dockerfile("system/platforms/compose/Dockerfile", services) if problems
    ] == []
    wrong = _compose_spec.read(changed("target: edge }", "target: api }", text=COMPOSE))

    found = [problem for _, problems in files.compose(wrong, services) for problem in problems]
    assert "it is built from api" in found
    assert "CACHE_DIR: api reads no such variable" in found


def test_references_are_looked_up_and_those_to_nothing_are_named(tmp_path: Path) -> None:
    made = tofu(tmp_path, DROPLET % "gpu-l40sx1-48gb" + 'output "x" {\n  value = digitalocean_vpc.none.id\n}\n')

    assert made.value("${var.size}") == "gpu-l40sx1-48gb"
    assert made.value("a-${var.size}") == "a-gpu-l40sx1-48gb"
    assert made.value("${var.none}") == "${var.none}"
    assert list(made.dangling()) == ["there is no digitalocean_vpc.none"]


@pytest.mark.parametrize("text", ["", 'resource "a" {', 'resource "a" "b" {}\nresource "a" "b" {}\n'])
def test_files_that_are_no_hcl_or_say_it_twice_are_refused(tmp_path: Path, text: str) -> None:
    if not text:
        with pytest.raises(Failure):
            _tofu.read(tmp_path)
        return
    with pytest.raises(Failure):
        tofu(tmp_path, text)


@pytest.mark.parametrize("size", ["gpu-h100x1-80gb", "gpu-h200x1-141gb", "gpu-mi300x1-192gb", "s-1vcpu-1gb"])
def test_a_droplet_that_cannot_encode_is_named(tmp_path: Path, size: str) -> None:
    assert any(f"has size {size}" in problem for problem in _tofu_rules.gpu(tofu(tmp_path, DROPLET % size)))


def test_the_projects_own_files_keep_every_rule_of_theirs() -> None:
    made, given = _tofu.read(FOLDER / "tofu"), spec()
    cloud = load(Path("profiles/production.toml")).cloud
    assert cloud

    found = [
        *made.dangling(), *_tofu_rules.gpu(made), *_tofu_rules.databases(made, given, 16), *_tofu_rules.trusted(made),
        *_tofu_rules.watched(made), *_tofu_rules.uptime(made, {each.domain for each in given.domains}),
        *_tofu_rules.pools(made, {"api": "postgresql://api@h:25061/api"}), *_tofu_rules.connections(made),
        *_tofu_rules.firewall(made, "worker", cloud.firewalls["worker"]),
    ]  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    ("file", "find", "replace", "words"),
    [
        ("databases.tf", "node_count           = 2", "node_count           = 1", "no standby"),
        ("databases.tf", "worker = 20", "worker = 60", "take 100 connections, and db-s-2vcpu-4gb has 97"),
        ("databases.tf", '"db-s-2vcpu-4gb"', '"db-s-1vcpu-1gb"', "db-s-1vcpu-1gb has 22"),
        ("databases.tf", "size       = each.value", "size       = 50", "take 100 connections"),
        ("databases.tf", '"noeviction"', '"allkeys_lru"', "evicts: allkeys_lru"),
        ("databases.tf", 'version              = "16"', 'version              = "15"', "the profile says 16"),
        ("databases.tf", '"${var.environment}-postgres"', '"other"', "which tofu does not make"),
        ("databases.tf", "value = digitalocean_vpc.this.ip_range", 'value = "0.0.0.0/0"', "which is not the VPC"),
        ("databases.tf", 'firewall" "postgres" {\n  cluster_id = digitalocean_database_cluster.postgres', 'firewall" "postgres" {\n  cluster_id = digitalocean_database_cluster.valkey', "open to the internet"),
        ("databases.tf", '"transaction"', '"session"', "of which the mode is session"),
        ("alerts.tf", "enabled     = true", "enabled     = false", "no alert v1/insights/droplet/cpu"),
        ("alerts.tf", "email = [var.alert_email]", "", "tells nobody"),
        ("alerts.tf", '"ssl_expiry"', '"latency"', "nobody is told of ssl_expiry"),
        ("variables.tf", '"play.example.com"', '"pay.example.com"', "nobody asks play.example.com"),
        ("worker.tf", 'port_range       = "22"', 'port_range       = "1-65535"', "the profile has not"),
    ],
)  # fmt: skip
def test_what_tofus_files_get_wrong_is_named(tmp_path: Path, file: str, find: str, replace: str, words: str) -> None:
    for each in (FOLDER / "tofu").glob("*.tf"):
        text = each.read_text()
        (tmp_path / each.name).write_text(changed(find, replace, text=text) if each.name == file else text)
    made, given = _tofu.read(tmp_path), spec()
    declared: CloudFirewall = load(Path("profiles/production.toml")).cloud.firewalls["worker"]  # type: ignore[union-attr]

    problems = [
        *_tofu_rules.databases(made, given, 16), *_tofu_rules.trusted(made), *_tofu_rules.watched(made),
        *_tofu_rules.uptime(made, {each.domain for each in given.domains}), *_tofu_rules.firewall(made, "worker", declared),
        *_tofu_rules.pools(made, {"api": "postgresql://api@h:25061/api"}), *_tofu_rules.connections(made),
    ]  # fmt: skip
    assert any(words in problem for problem in problems), problems


def test_a_template_and_what_fills_it_agree() -> None:
    made, name = _tofu.read(FOLDER / "tofu"), "worker.cloud-init.yaml"
    text = (FOLDER / "tofu" / name).read_text()

    assert list(_tofu_rules.template(made, name, text)) == []
    assert list(_tofu_rules.template(made, name, text + "${x} $${y}")) == [f"{name} asks for x, which nobody fills in"]
    assert len(list(_tofu_rules.template(made, name, ""))) == 4


def ask(given: dict[str, str], **more: Any) -> list[str]:
    settings: dict[str, Any] = {"image": {}, "secrets": set(), "files": set()} | more
    return _variables.problems_of(Path.cwd(), "migrations", given, **settings)


def test_a_programs_own_reader_says_what_is_missing_unusable_and_unknown() -> None:
    good = {"DATABASE_URL": "postgresql://a@b/c", "DATABASE_PASSWORD": "EV[x]"}
    mounted = {"DATABASE_URL": "postgresql://a@b/c", "DATABASE_PASSWORD_FILE": "/run/secrets/x"}

    assert ask(good, secrets={"DATABASE_PASSWORD"}) == []
    assert ask(mounted, files={"/run/secrets/x"}) == []
    assert ask(good) == ["DATABASE_PASSWORD: a secret in the open"]
    assert ask({}) != []
    assert ["no such file" in line.lower() for line in ask(mounted)] == [True]
    assert ask(good | {"DATABASE_URI": "x"}, secrets={"DATABASE_PASSWORD"}) == [
        "DATABASE_URI: migrations reads no such variable"
    ]
    assert ask(good | {"PEM": "x"}, secrets={"DATABASE_PASSWORD"}, command='echo "$PEM" > /x') == []


def test_the_droplets_first_boot_is_yaml_and_holds_no_secret() -> None:
    data = yaml.safe_load((FOLDER / "tofu/worker.cloud-init.yaml").read_text())

    assert {row["path"] for row in data["write_files"]} == {
        "/etc/seatrial/image.env",
        "/etc/seatrial/worker.env",
        "/usr/local/sbin/seatrial-worker-release",
        "/etc/systemd/system/seatrial-worker.service",
    }


def against_production(spec_text: str = APP) -> list[str]:
    profile, files = load(Path("profiles/production.toml")), _deployment_files.Files(Path.cwd(), 10.0)
    for file in ("system/platforms/compose/Dockerfile",):
        assert [problems for _, problems in files.dockerfile(file, set(profile.services)) if problems] == []
    made, given = _tofu.read(FOLDER / "tofu"), _app_spec.read(spec_text)
    found = list(files.tofu(made, str(FOLDER / "tofu"), given, 16, profile))
    assert found[-1][0] == "the profile's cloud is this one"
    return [problem for _, problems in found for problem in problems]


def test_the_projects_own_files_describe_the_environment_of_the_example_profile() -> None:
    assert against_production() == []


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ("-000000000100 }", "-000000000999 }", "VPC is"),
        ("api@private-production-db.", "api@private-staging-db.", "api's host in DATABASE_URL"),
        ("value: example-production-masters", "value: example-staging-masters", "api's BUCKET_MASTERS"),
        ('API_ORIGIN, value: "https://api.', 'API_ORIGIN, value: "https://apis.', "API_ORIGIN is"),
    ],
)
def test_files_of_another_environment_than_the_profiles_are_named(find: str, replace: str, words: str) -> None:
    problems = against_production(changed(find, replace))

    assert any(words in problem for problem in problems), problems
