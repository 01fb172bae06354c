"""Each way an attempt can go leaves job and message in the state that fits, whichever of them fails first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from system.common import lifecycle
from system.worker import consumer as module
from system.worker.attempt import Attempts
from system.worker.consumer import Consumer
from system.worker.encoder import X264, Encoder
from system.worker.errors import (
    BadInputError,
    DiskFullError,
    EncoderLostError,
    LeaseLostError,
    OutageError,
    PipelineError,
)
from system.worker.jobs import Claim, Job, Jobs, NoClaim
from system.worker.stream import Entry, JobStream

JOB = Job(uuid4(), uuid4(), "0" * 64, 1)
ENTRY = Entry("1-0", {"job_id": str(JOB.id), "asset_id": str(JOB.asset_id), "trace": "t"})


class Recorder:
    """Stands in for stream, jobs and attempts, and writes down in order what it is asked to do."""

    def __init__(self, draining: asyncio.Event, claim: Claim, attempt: Callable[[], Awaitable[None]]) -> None:
        self.log: list[str] = []
        self.lease_s, self.attempts = 4.0, 3
        self._draining, self._claim, self._attempt = draining, claim, attempt
        self._entries = [ENTRY]

    async def ensure_group(self) -> None:
        self.log.append("group")

    async def require_room(self) -> None:
        return

    async def claim_stale(self) -> Entry | None:
        return None

    async def read_new(self, _wait_s: float) -> Entry | None:
        if self._entries:
            return self._entries.pop()
        self._draining.set()
        return None

    async def claim(self, _job_id: object) -> Claim:
        return self._claim

    async def run(self, _job: Job, _entry: Entry, _encoder: Encoder) -> None:
        await self._attempt()

    async def end(self, _entry: Entry) -> None:
        self.log.append("end")

    async def hand_back(self, _entry: Entry) -> None:
        self.log.append("hand back")

    async def bury(self, _entry: Entry, reason: str) -> None:
        self.log.append(f"bury: {reason}")

    async def leave(self) -> None:
        self.log.append("leave")

    async def fail(self, _job: Job, reason: str) -> bool:
        self.log.append(f"fail: {reason}")
        return True

    async def release(self, _job: Job, reason: str | None, *, forgive: bool) -> bool:
        self.log.append(f"release: {reason}{', forgiven' if forgive else ''}")
        return True

    async def give_up(self, _job_id: object, reason: str | None, then: Callable[[], Awaitable[None]]) -> bool:
        self.log.append(f"give up: {reason}")
        await then()
        return True


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    event = asyncio.Event()
    monkeypatch.setattr(lifecycle, "draining", event)
    monkeypatch.setattr(module, "draining", event)
    return event


def consume(
    draining: asyncio.Event, claim: Claim, outcome: Exception | None = None, entry: Entry | None = None
) -> list[str]:
    """Let a consumer handle one message; give what it did between joining and leaving."""

    async def attempt() -> None:
        if outcome is not None:
            raise outcome

    recorder = Recorder(draining, claim, attempt)
    if entry is not None:
        recorder._entries = [entry]
    return run(recorder)


def run(recorder: Recorder) -> list[str]:
    async def scenario() -> None:
        async with asyncio.timeout(10):
            jobs, stream, attempts = cast("Jobs", recorder), cast("JobStream", recorder), cast("Attempts", recorder)
            await Consumer(jobs, stream, attempts).run(X264)

    asyncio.run(scenario())
    assert (recorder.log[0], recorder.log[-1]) == ("group", "leave")
    return recorder.log[1:-1]


def test_a_finished_attempt_ends_the_message(draining: asyncio.Event) -> None:
    assert consume(draining, JOB) == ["end"]


def test_bad_input_fails_at_once_and_is_not_tried_again(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, BadInputError("the file is empty")) == ["fail: the file is empty", "end"]


def test_a_failed_attempt_is_counted_and_stays_pending(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, PipelineError("FFmpeg ended with -9")) == ["release: FFmpeg ended with -9"]


def test_an_error_that_nobody_foresaw_counts_and_tells_the_owner_nothing(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, ZeroDivisionError("secret")) == ["release: internal error (ZeroDivisionError)"]


def test_the_last_failed_attempt_is_buried(draining: asyncio.Event) -> None:
    last = Job(JOB.id, JOB.asset_id, JOB.sha256, attempt=3)

    assert consume(draining, last, PipelineError("no")) == ["give up: no", "bury: no", "end"]


def test_an_outage_is_not_the_jobs_fault(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, OutageError("S3: refused")) == ["release: S3: refused, forgiven", "hand back"]


def test_a_lost_encoder_is_not_the_jobs_fault_and_nothing_more_is_taken_with_it(draining: asyncio.Event) -> None:
    async def attempt() -> None:
        raise EncoderLostError("nvenc: Cannot load libcuda")

    recorder = Recorder(draining, JOB, attempt)
    recorder._entries *= 2
    with pytest.raises(EncoderLostError):
        run(recorder)
    assert recorder.log == ["group", "release: nvenc: Cannot load libcuda, forgiven", "hand back"]


def test_a_message_that_is_handed_back_each_time_holds_no_other_one_up(draining: asyncio.Event) -> None:
    class HandedBack(Recorder):
        async def claim_stale(self) -> Entry | None:
            return self._handed_back

        _handed_back = Entry("0-1", {**ENTRY.fields, "job_id": str(uuid4())})

        async def claim(self, job_id: object) -> Claim:
            return replace(JOB, id=cast("UUID", job_id))

        async def run(self, job: Job, _entry: Entry, _encoder: Encoder) -> None:
            if job.id != JOB.id:
                raise OutageError("S3: refused")

    async def attempt() -> None:
        return

    log = run(HandedBack(draining, JOB, attempt))
    assert log[:3] == ["release: S3: refused, forgiven", "hand back", "end"]


def test_a_full_disk_is_not_the_jobs_fault_and_whoever_has_room_takes_it_after_a_lease(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, DiskFullError("the disk is full")) == ["release: the disk is full, forgiven"]


def test_a_worker_without_room_takes_nothing_until_there_is_some(draining: asyncio.Event) -> None:
    class Full(Recorder):
        refused = 0

        async def require_room(self) -> None:
            if self.refused < 2:
                self.refused += 1
                assert self._entries, "taken without room"
                raise DiskFullError("the disk is full")

    async def attempt() -> None:
        return

    recorder = Full(draining, JOB, attempt)
    assert run(recorder) == ["end"]
    assert recorder.refused == 2


def test_a_lost_lease_changes_nothing_of_the_other_owners_job(draining: asyncio.Event) -> None:
    assert consume(draining, JOB, LeaseLostError("taken over")) == []


def test_a_message_of_a_finished_job_just_ends(draining: asyncio.Event) -> None:
    assert consume(draining, NoClaim.FINISHED) == ["end"]


def test_a_message_of_a_job_held_elsewhere_stays_pending(draining: asyncio.Event) -> None:
    assert consume(draining, NoClaim.HELD) == []


def test_a_job_that_killed_all_its_workers_is_buried(draining: asyncio.Event) -> None:
    assert consume(draining, NoClaim.EXHAUSTED) == ["give up: None", "bury: the workers that tried it died", "end"]


def test_a_message_that_names_no_job_is_buried(draining: asyncio.Event) -> None:
    done = consume(draining, JOB, entry=Entry("1-0", {"foo": "bar"}))

    assert done == ["bury: expected job_id and asset_id (UUIDs) and trace, got the fields ['foo']", "end"]


def test_a_drain_waits_for_the_attempt_in_progress(draining: asyncio.Event) -> None:
    async def attempt() -> None:
        draining.set()
        for _ in range(10):
            await asyncio.sleep(0)

    assert run(Recorder(draining, JOB, attempt)) == ["end"]


def test_an_attempt_that_outlasts_the_drain_is_handed_back_uncounted(
    draining: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FINISH_S", 0.05)

    async def attempt() -> None:
        draining.set()
        await asyncio.Event().wait()

    assert run(Recorder(draining, JOB, attempt)) == ["release: None, forgiven", "hand back"]


def test_a_message_that_arrives_with_the_drain_is_handed_back(draining: asyncio.Event) -> None:
    class Late(Recorder):
        async def read_new(self, _wait_s: float) -> Entry | None:
            self._draining.set()
            return ENTRY

    async def attempt() -> None:
        pytest.fail("a draining worker took a job")

    assert run(Late(draining, JOB, attempt)) == ["hand back"]


def test_a_group_that_vanished_is_made_again(draining: asyncio.Event) -> None:
    from redis.exceptions import ResponseError  # noqa: PLC0415

    class Vanished(Recorder):
        failed = False

        async def read_new(self, _wait_s: float) -> Entry | None:
            if not self.failed:
                self.failed = True
                raise ResponseError("NOGROUP No such key 'jobs:preview' or consumer group 'workers'")
            return await super().read_new(_wait_s)

    async def attempt() -> None:
        return

    assert run(Vanished(draining, JOB, attempt)) == ["group", "end"]


def test_what_is_handled_is_typed_like_the_real_parts() -> None:
    real: dict[str, Any] = {**vars(Jobs), **vars(JobStream), **vars(Attempts)}

    assert {name for name in vars(Recorder) if not name.startswith("_")} <= set(real)
