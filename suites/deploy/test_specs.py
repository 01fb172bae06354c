"""The files that a deployment is made from, before anything is deployed."""

from seatrial import BLOCKER, Invalid, Observe, check, require
from suites.deploy import _app_spec, _compose_spec, _tofu
from suites.deploy._deployment_files import Files


@check("DEP-SPEC-01", severity=BLOCKER, component="specs")
def test_the_files_of_a_deployment_are_valid_and_agree(observe: Observe) -> None:
    """Dockerfiles, compose files, App Platform's spec and OpenTofu's files are valid and agree with the profile and each other.

    Why it matters: what these files say is first noticed when it happens. Without a health check traffic goes to an
    instance that cannot serve; a variable that is missing or misspelt ends a deployment at its start, at best; a secret of
    kind GENERAL can be read by whoever may read the app; a GPU without an encoder is found out by the bill.

    How it is measured: from the files that targets.dockerfiles, compose_files, app_spec and tofu name in the profile's tree.
    Each is read with a model of the parts in use that refuses every unknown field and what is out of the vendor's
    bounds. The image of each service says where it listens and where its health is asked, and both deployments must say
    the same. What a program reads is asked of its own reader (`python -m system.variables`), with the variables that a deployment
    gives: none missing, unusable or unknown, each secret of type SECRET or a mounted file. Of the spec: the profile's services
    apart from the GPU's, by digest; counts, autoscaling, drain longer than the services' own (targets.drain_s), alerts of
    each component, domains with a minimum TLS version, an ingress rule from each to a component that exists and is the one
    that the services name, threat control, a job that migrates before and one that tells of a failure. Of OpenTofu's
    files: every reference is declared, clusters trust the VPC alone, pools and alerts are there, each host is asked from
    outside, the droplet's GPU has an encoder. Where the profile describes a cloud, its ids, hosts, buckets and firewalls too.

    Not covered: what is deployed now (other checks ask that), whether sizes and names exist in the account, whether
    OpenTofu would plan it, prices.
    """
    dockerfiles, composes = _named(observe, "dockerfiles"), _named(observe, "compose_files")
    app_spec, tofu_folder = str(observe.target("app_spec")), str(observe.target("tofu"))
    services = set(observe.profile.services)
    if not services:
        raise Invalid("the profile names no service, so there is nothing to compare with")
    files = Files(observe.tree, float(str(observe.target("drain_s"))))
    with observe.cases(at_least=len(services) * (len(dockerfiles) + len(composes) + 1) + 12) as cases:
        for file in dockerfiles:
            for what, problems in files.dockerfile(file, services):
                with cases(f"{file}: {what}"):
                    require(not problems, what, "; ".join(problems), file)
        for file in composes:
            with cases(f"{file}: is valid"):
                compose = _compose_spec.read(files.text(file))
                for what, problems in files.compose(compose, services):
                    with cases(f"{file}: {what}"):
                        require(not problems, what, "; ".join(problems), file)
        with cases(f"{app_spec}: is valid"):
            spec = _app_spec.read(files.text(app_spec))
            for what, problems in files.app(spec, services):
                with cases(f"{app_spec}: {what}"):
                    require(not problems, what, "; ".join(problems), app_spec)
            with cases(f"{tofu_folder}: is valid"):
                tofu = _tofu.read(observe.tree / tofu_folder)
                major = int(str(observe.target("postgres_major")))
                for what, problems in files.tofu(tofu, tofu_folder, spec, major, observe.profile):
                    with cases(f"{tofu_folder}: {what}"):
                        require(not problems, what, "; ".join(problems), tofu_folder)
    observe.evidence("programs asked what they read", files.asked)


def _named(observe: Observe, target: str) -> list[str]:
    names = observe.target(target)
    if not isinstance(names, list) or not names:
        raise Invalid(f"targets.{target} names no file")
    return names
