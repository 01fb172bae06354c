"""Which encoder made a file, told from the file; and which one a worker says that it uses."""

import io
from dataclasses import dataclass

import av
import av.error
from prometheus_client.parser import text_string_to_metric_families

from seatrial import Failure

# x264 writes its version and options into an SEI message of the first picture, under this UUID (x264, encoder/set.c).
X264_UUID = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
# FFmpeg's name -> the worker's.
NAMES = {"libx264": "x264", "h264_nvenc": "nvenc"}


@dataclass(frozen=True)
class Made:
    """What a file says of its making.

    Attributes:
        x264: x264's own line in the bitstream ("x264 - core 165 ..."), empty where there is none.
        named: the encoder that FFmpeg wrote into the container ("libx264"), empty where it wrote none.
    """

    x264: str
    named: str

    def is_by(self, encoder: str) -> bool:
        """Tell whether both say this encoder; only x264 signs its bitstream, so any other must show no such signature."""
        return self.named == encoder and bool(self.x264) == (encoder == "libx264")

    def __str__(self) -> str:
        return f"{self.x264 or 'no x264 signature'} in the bitstream, {self.named or 'no encoder'} in the container"


@dataclass(frozen=True)
class Reported:
    """What a worker says: its encoder, and how often it fell back to another than the first it tried."""

    encoder: str
    fallbacks: float | None


def made(content: bytes) -> Made:
    """Read who encoded a video; raises Failure when it is none."""
    try:
        with av.open(io.BytesIO(content), "r") as container:
            stream = container.streams.video[0]
            first = next((bytes(packet) for packet in container.demux(stream) if packet.size), b"")
            named = str(stream.metadata.get("encoder", "")).rpartition(" ")[2]
    except (av.error.FFmpegError, IndexError) as error:
        raise Failure("a preview that can be read", f"{type(error).__name__}: {error}", "worker") from None
    _, found, after = first.partition(X264_UUID)
    line = after.split(b" - H.264", 1)[0].decode("ascii", "replace")[:40] if found else ""
    return Made(line, named)


def reported(text: str) -> Reported:
    """Read a worker's metrics."""
    encoder, fallbacks = "", None
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "worker_encoder_info":
                encoder = sample.labels.get("encoder", "")
            if sample.name == "worker_encoder_fallbacks_total":
                fallbacks = sample.value
    return Reported(encoder, fallbacks)
