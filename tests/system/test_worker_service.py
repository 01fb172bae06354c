"""A worker has an encoder that works, or says that it has none."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from system.worker import service as module
from system.worker.consumer import Consumer
from system.worker.encoder import Encoder
from system.worker.errors import EncoderLostError, PipelineError
from system.worker.service import WorkerService
from system.worker.settings import read_settings
from system.worker.workspace import Workspace
from tests.system.test_config import GOOD
from tests.system.worker_clips import program


def reported(encoder: str) -> bool:
    return REGISTRY.get_sample_value("worker_encoder_info", {"encoder": encoder}) == 1


def test_a_lost_encoder_makes_the_worker_unready_until_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining, used = asyncio.Event(), list[str]()
    ffmpeg = program(tmp_path / "ffmpeg", f"test ! -e {tmp_path}/lost")

    async def consume(_consumer: Consumer, encoder: Encoder) -> None:
        assert reported(encoder.name)
        used.append(encoder.name)
        if len(used) == 2:
            draining.set()
            return
        (tmp_path / "lost").touch()
        raise EncoderLostError("nvenc: Cannot load libcuda")

    async def scenario() -> None:
        worker = WorkerService(read_settings({**GOOD, "ENCODER": "nvenc", "FFMPEG": ffmpeg}))
        ready = worker.probes()["ffmpeg"]

        async def wait(_seconds: float) -> None:
            """Ask the worker while no encoder works, then let one work again."""
            with pytest.raises(PipelineError, match="no encoder works"):
                await ready()
            assert not reported("nvenc")
            (tmp_path / "lost").unlink()

        monkeypatch.setattr(module, "wait_or_draining", wait)
        with closing(Workspace(tmp_path)) as workspace:
            await worker._consume(workspace)
        await ready()

    monkeypatch.setattr(module, "draining", draining)
    monkeypatch.setattr(Consumer, "run", consume)
    asyncio.run(scenario())
    assert used == ["nvenc", "nvenc"]
