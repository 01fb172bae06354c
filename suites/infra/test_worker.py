"""The worker: what it encodes with is what it was bought for."""

from seatrial import BLOCKER, Exercise, Invalid, check, require
from seatrial.cases import Cases
from suites.client import Instance, instances, ready_asset, signed_in
from suites.infra._encoder import NAMES, Made, made, reported


@check("INF-GPU-01", severity=BLOCKER, component="worker")
def test_previews_are_made_by_the_required_encoder(exercise: Exercise) -> None:
    """Previews are made by the encoder that the profile requires, and every worker says so truly.

    Why it matters: FFmpeg lists NVENC on machines that have no GPU, and a driver update can take it away over night. A
    worker that then falls back in silence makes every preview, ten times slower, on a machine paid for its GPU; the first
    sign is a queue that does not drain under load.

    How it is measured: every worker's metrics must name targets.encoder, and count a fallback if and only if it fell back:
    none where NVENC is required, one at least where it is set to try NVENC first and works with x264. Where the platform
    shows the worker's setting, it must allow that encoder. Then a clip is uploaded, and the preview, fetched by a signed
    link, must have been made by it: x264 signs its bitstream (an SEI message with its UUID and version), NVENC does not, and
    FFmpeg names the encoder in the container. A worker that already reports another encoder gets no clip.

    Not covered: which of several workers made the clip; how fast it is (the load suite); the GPU's own health.
    """
    required = str(exercise.target("encoder"))
    if required not in NAMES:
        raise Invalid(f"targets.encoder is {required!r}: one of {', '.join(NAMES)}")
    workers = instances(exercise, "worker")
    if not workers:
        raise Invalid("the profile names no instance of the worker")
    with exercise.cases(at_least=2 * len(workers) + 1) as cases:
        seen = {}
        for worker in workers:
            seen[worker.name] = _require_reported(exercise, cases, worker, required)
        exercise.evidence("workers", seen)
        if cases.findings:
            return
        with cases("a real encode"):
            by = _encoded(exercise)
            exercise.evidence("preview", str(by))
            require(by.is_by(required), f"a preview made by {required}", str(by), "worker")


def _require_reported(exercise: Exercise, cases: Cases, worker: Instance, required: str) -> dict[str, object]:
    setting = _setting(exercise, worker)
    if worker.via is None:
        raise Invalid(f"no private address of {worker.name}: its metrics cannot be read")
    answer = exercise.http.get("api:/metrics", via=worker.via)
    require(answer.status == 200, f"metrics of {worker.name}", str(answer), worker.name)
    said = reported(answer.text)
    wanted = NAMES[required]
    with cases(f"{worker.name} reports its encoder"):
        require(said.encoder == wanted, f"{wanted} reported by {worker.name}", said.encoder or "none", worker.name)
        allowed = setting in {None, "auto", wanted}
        require(
            allowed,
            f"a setting that allows {wanted}",
            f"ENCODER={setting}, and it works with {said.encoder}",
            worker.name,
        )
    with cases(f"{worker.name} counts its fallbacks"):
        fell = said.fallbacks
        require(fell is not None, "a counter of fallbacks", "no worker_encoder_fallbacks_total", worker.name)
        if wanted == "nvenc":
            require(fell == 0, "no fallback from NVENC", f"{fell:g} fallbacks", worker.name)
        elif setting == "auto":
            require(fell, "the fallback from NVENC to x264 counted", "0 fallbacks", worker.name)
    return {"encoder": said.encoder, "fallbacks": fell, "setting": setting}


def _setting(exercise: Exercise, worker: Instance) -> str | None:
    """Return the worker's ENCODER, None where the platform does not show it."""
    if not exercise.platform.offers("config"):
        return None
    return exercise.platform.config().get(worker.name, {}).get("ENCODER", "auto")


def _encoded(exercise: Exercise) -> Made:
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    answer = exercise.http.get(session.playback(asset.id, "preview").url, timeout_s=30.0)
    require(answer.status == 200, "200 for the preview's signed link", str(answer), "edge")
    return made(answer.body)
