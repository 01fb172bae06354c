"""Choose the H.264 encoder by what it can do, not by what FFmpeg lists."""

import shutil
from dataclasses import dataclass

from system.worker.errors import PipelineError
from system.worker.ffmpeg import run_ffmpeg

PROBE_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Encoder:
    """One way to write H.264: a short name for metrics and the FFmpeg arguments."""

    name: str
    arguments: tuple[str, ...]


X264 = Encoder("x264", ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23"))
NVENC = Encoder("nvenc", ("-c:v", "h264_nvenc", "-preset", "p4", "-rc", "vbr", "-cq", "23", "-b:v", "0"))


def find_ffmpeg(configured: str | None) -> str:
    """Return the FFmpeg to run: the configured path, else the wheel's."""
    if configured:
        found = shutil.which(configured)
        if found is None:
            raise PipelineError(f"FFMPEG={configured} is not an executable file")
        return found
    import imageio_ffmpeg  # noqa: PLC0415 - only needed where no path is configured

    return str(imageio_ffmpeg.get_ffmpeg_exe())


async def choose_encoder(ffmpeg: str, wanted: str) -> tuple[Encoder, list[str]]:
    """Return the encoder for ENCODER=auto|nvenc|x264, proven by a real encode, and why those before it were refused.

    FFmpeg lists h264_nvenc on machines without a GPU, so only encoding tells. `auto` falls back to x264; a wanted
    encoder that does not work raises PipelineError.
    """
    candidates = {"auto": (NVENC, X264), "nvenc": (NVENC,), "x264": (X264,)}.get(wanted)
    if candidates is None:
        raise PipelineError(f"ENCODER={wanted}: expected auto, nvenc or x264")
    reasons: list[str] = []
    for encoder in candidates:
        reason = await probe_encoder(ffmpeg, encoder)
        if reason is None:
            return encoder, reasons
        reasons.append(f"{encoder.name}: {reason}")
    raise PipelineError(f"no encoder works: {'; '.join(reasons)}")


async def probe_encoder(ffmpeg: str, encoder: Encoder) -> str | None:
    """Encode 0.1 s of a test picture; return None when it worked, else the reason."""
    arguments = (
        *("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30:duration=0.1"),
        *encoder.arguments,
        *("-pix_fmt", "yuv420p", "-f", "null", "-"),
    )
    try:
        ended = await run_ffmpeg(ffmpeg, arguments, timeout_s=PROBE_TIMEOUT_S)
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"{ffmpeg} cannot be started: {error}"
    return None if ended.code == 0 else ended.reason
