"""Workers that encode with something else than they say, or than they should."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import dependency, started_with
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

ENCODER, SERVICE = "system/worker/encoder.py", "system/worker/service.py"


@fault("gpu-other-encoder", kind="code", caught_by={"INF-GPU-01": "a preview made by libx264"}, takes_s=30.0)
class OtherEncoder(PatchedRelease):
    """A rework swapped the library behind the name: workers report x264, and previews come from OpenH264.

    Source: https://trac.ffmpeg.org/wiki/Encode/H.264 (several encoders write H.264, chosen by -c:v alone)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=ENCODER,
            find='("-c:v", "libx264", "-preset", "veryfast", "-crf", "23")',
            replace='("-c:v", "libopenh264", "-b:v", "1M")',
        )
    ]


@fault("gpu-silent-cpu", kind="code", caught_by={"INF-GPU-01": "ENCODER=nvenc, and it works with x264"}, takes_s=30.0)
class SilentCpu(PatchedRelease):
    """The worker is told to use NVENC and falls back to the CPU without a word.

    Source: https://docs.nvidia.com/video-technologies/video-codec-sdk/ (NVENC needs a driver of a minimum version, which an
    update of either side can break)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=ENCODER, find='"nvenc": (NVENC,)', replace='"nvenc": (NVENC, X264)')]

    def strike(self, destroy: Destroy) -> None:
        """Deploy the worker that falls back, and ask it for NVENC."""
        super().strike(destroy)
        for name in destroy.profile.services["worker"].instances:
            destroy.platform.restart(name, {"ENCODER": "nvenc"})

    def in_effect(self, observe: Observe) -> bool:
        """Find the setting in the processes' environment, beside the release."""
        names = observe.profile.services["worker"].instances
        return super().in_effect(observe) and all(started_with(observe, name, "ENCODER", "nvenc") for name in names)


@fault("gpu-asked-for-where-none-is", kind="configuration", caught_by={"INF-GPU-01": "x264 reported by worker-1"})
class NvencWithoutGpu:
    """The worker runs with the settings of the machine that has a GPU, on one that has none: it lives and encodes nothing.

    Source: https://github.com/jrottenberg/ffmpeg/issues/233 (Cannot load libcuda.so.1, in a container that no GPU was given to)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with that setting; it does not become ready."""
        destroy.platform.restart("worker-1", {"ENCODER": "nvenc"}, at_once=True)

    def in_effect(self, observe: Observe) -> bool:
        """Find it alive, and without an encoder that works."""
        place = observe.profile.services["worker"].instances["worker-1"]
        alive = observe.http.get("api:/livez", via=place).status == 200
        return alive and dependency(observe, "worker", "worker-1", "ffmpeg") is False


@fault("gpu-probe-lies", kind="code", caught_by={"INF-GPU-01": "x264 reported by worker-1"}, takes_s=30.0)
class ProbeLies(PatchedRelease):
    """The trial encode was taken out to start faster: NVENC is believed because FFmpeg lists it.

    Source: https://trac.ffmpeg.org/wiki/HWAccelIntro (an encoder that is compiled in need not work on the machine)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file=ENCODER, find="    return None if ended.code == 0 else ended.reason", replace="    return None")
    ]


@fault(
    "gpu-fallback-uncounted",
    kind="code",
    caught_by={"INF-GPU-01": "the fallback from NVENC to x264 counted"},
    takes_s=30.0,
)
class FallbackUncounted(PatchedRelease):
    """The worker falls back and does not count it, so that no alert can tell.

    Source: https://cwe.mitre.org/data/definitions/778.html (insufficient logging)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=SERVICE, find="            metrics.encoder_fallbacks.inc()\n", replace="")]
