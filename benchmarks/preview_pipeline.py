"""Compare the worker's preview pipeline with plain FFmpeg on the same file, alternating within one run.

Plain FFmpeg is what a person would type: the same encoder settings, one output, no inspection, no poster, no progress.
The pipeline does all of these in the same time, or it is too slow: the budget is 1.10 times.

    python benchmarks/preview_pipeline.py [--runs 5] [--seconds 10] [FILE]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from system.worker.encoder import Encoder, choose_encoder, find_ffmpeg
from system.worker.preview import make_preview
from system.worker.source import Limits

BUDGET = 1.10


def make_clip(ffmpeg: str, path: Path, seconds: int) -> None:
    """Write a 1080p30 test picture with a tone."""
    lavfi = (f"testsrc2=size=1920x1080:rate=30:duration={seconds}", f"sine=duration={seconds}")
    inputs = [argument for source in lavfi for argument in ("-f", "lavfi", "-i", source)]
    output = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run([ffmpeg, "-hide_banner", "-loglevel", "error", "-y", *inputs, *output], check=True)


@dataclass(frozen=True)
class Cost:
    """What one run took: on the wall clock, and of all cores together (which a busy machine disturbs less)."""

    wall_s: float
    cpu_s: float


def measure(work: Callable[[], object]) -> Cost:
    """Time `work` with its child processes."""
    before, started_s = os.times(), time.perf_counter()
    work()
    after, ended_s = os.times(), time.perf_counter()
    return Cost(ended_s - started_s, sum(after[:4]) - sum(before[:4]))


def run_plain(ffmpeg: str, encoder: Encoder, source: Path, directory: Path) -> None:
    """Run FFmpeg alone."""
    subprocess.run(
        [
            *(ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i", str(source)),
            *("-vf", "scale=-2:'min(720,ih)'", *encoder.arguments, "-profile:v", "high", "-pix_fmt", "yuv420p"),
            *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart", str(directory / "plain.mp4")),
        ],
        check=True,
    )


def run_pipeline(ffmpeg: str, encoder: Encoder, source: Path, directory: Path) -> None:
    """Run the worker's pipeline."""
    asyncio.run(make_preview(ffmpeg, encoder, source, directory, limits=Limits(), on_progress=lambda _percent: None))


def ratio(ours: list[Cost], theirs: list[Cost], unit: str) -> str:
    """Give the median and the range of the runs' ratios."""
    ratios = sorted(getattr(mine, unit) / getattr(plain, unit) for mine, plain in zip(ours, theirs, strict=True))
    return f"{statistics.median(ratios):.3f} x ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def main() -> None:
    """Print one line a run and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="a video; a 1080p30 test clip is made when left out")
    parser.add_argument("--runs", type=int, default=5, help="how often each of the two runs (default 5)")
    parser.add_argument("--seconds", type=int, default=10, help="length of the test clip (default 10)")
    parser.add_argument("--encoder", choices=("auto", "nvenc", "x264"), default="auto")
    arguments = parser.parse_args()
    ffmpeg = find_ffmpeg("")
    encoder, _ = asyncio.run(choose_encoder(ffmpeg, arguments.encoder))
    plain: list[Cost] = []
    pipeline: list[Cost] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = arguments.file or directory / "source.mp4"
        if arguments.file is None:
            make_clip(ffmpeg, source, arguments.seconds)
        for run in range(1, arguments.runs + 1):
            contestants = [(plain, run_plain), (pipeline, run_pipeline)]
            for results, contestant in contestants if run % 2 else reversed(contestants):
                results.append(measure(partial(contestant, ffmpeg, encoder, source, directory)))
            print(
                f"run {run}: plain {plain[-1].wall_s:6.2f} s ({plain[-1].cpu_s:6.2f} CPU-s)   "
                f"pipeline {pipeline[-1].wall_s:6.2f} s ({pipeline[-1].cpu_s:6.2f} CPU-s)"
            )
    print(
        f"{encoder.name}, median of {arguments.runs}: time {ratio(pipeline, plain, 'wall_s')}, "
        f"CPU {ratio(pipeline, plain, 'cpu_s')}; budget {BUDGET:.2f} x"
    )


if __name__ == "__main__":
    main()
