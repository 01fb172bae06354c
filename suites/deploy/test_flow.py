"""The product's main road: a file becomes a preview that plays, and a chosen original becomes a locked master."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from seatrial import BLOCKER, Exercise, Invalid, check, eventually, require
from suites.client import (
    Asset,
    Clip,
    Master,
    Session,
    camera_clip,
    doors,
    generated_clip,
    ready_asset,
    remove_object,
    require_removable_masters,
    signed_in,
    small_clip,
    uploaded_asset,
)
from suites.deploy import media
from suites.security._browser import PAGE, Browser, signed_in_browser

HEIGHT = 720
DURATION_WITHIN_S = 0.2
LARGEST_DIFFERENCE = 5.0  # grey levels of 255; compression costs about 1, another moment of the camera clip 40
MOMENTS = (0.2, 0.5, 0.8)
POSTER_WITHIN_S = 2.0
OTHERS = ("matroska", "avi", "mpegts")  # what else browsers and cameras record
CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # what whoever writes an MP4 says of it
ASKED_AT_ONCE = 8
GONE_WITHIN_S = 15.0  # an edge may give for some seconds what it has
LEFT_S = 1.0  # of the retention, for one question about it
CLOCKS_S = 1.0  # by which this machine's may be ahead of the product's


@check("DEP-FLOW-01", severity=BLOCKER, component="worker")
def test_an_upload_becomes_a_preview_that_plays(exercise: Exercise) -> None:
    """An upload becomes a preview that plays by a signed link, in budget; codec, size, duration, poster and pictures are right.

    Why it matters: this is what the product is for. A preview of the wrong height, cut short, or with its index at the
    end plays badly or not at all on phones, and every health check stays green.

    How it is measured: a generated clip, taller than a preview may be and with sound, and a clip from a camera are
    uploaded by presigned PUT. From the first call to the last byte of the preview, fetched by a signed link, may take
    targets.preview_s. The preview must be H.264 in yuv420p, at most 720 high in the source's proportions, within 0.2 s
    of the source's duration, with moov before mdat, and AAC if and only if the source has sound. It may repeat nothing that
    the source says of itself (a comment; of a phone, also where and with what it was filmed). Frames at three moments must
    resemble the source's: mean difference of grey thumbnails of 32 x 18 up to 5 of 255. The same frames upside down
    must not resemble, else the measure says nothing. The poster must be a JPEG of the preview's size which resembles a
    frame of the first two seconds. Asked to make the preview again, the API must leave it alone: it is whole. Small clips in
    Matroska (without its length, as browsers record), AVI and MPEG-TS must become previews that last as long, too.

    Not covered: other containers and codecs, bad inputs (DEP-FLOW-03), picture quality, lip-sync, chapters' names, browsers (DEP-WEB-01).
    """
    session = signed_in(exercise)
    seen: dict[str, Any] = {}
    clips = {"generated clip": generated_clip(), "camera clip": camera_clip()}
    begun = {}
    for name, clip in clips.items():
        started = time.monotonic()
        begun[name] = (started, uploaded_asset(exercise, session, clip))
    others = {each: uploaded_asset(exercise, session, small_clip(each), each) for each in OTHERS}
    with exercise.cases(at_least=2 + len(OTHERS)) as cases:
        for name, (started, asset) in begun.items():
            with cases(name):
                seen[name] = _flow(exercise, session, clips[name], asset, started)
        until_s = time.monotonic() + float(exercise.target("preview_s"))
        for name, queued in others.items():
            with cases(name):
                asset = session.wait(queued.id, within_s=max(0.0, until_s - time.monotonic()))
                preview = _played(exercise, session, asset, "preview")
                _require_length(media.inspect(preview, "a preview"), small_clip(name))
    exercise.evidence("previews", seen)


def _flow(exercise: Exercise, session: Session, clip: Clip, queued: Asset, started: float) -> dict[str, Any]:
    budget_s = float(exercise.target("preview_s"))
    asset = session.wait(queued.id, within_s=max(0.0, started + budget_s - time.monotonic()))
    preview = _played(exercise, session, asset, "preview")
    took_s = time.monotonic() - started
    poster = _played(exercise, session, asset, "poster")
    require(took_s <= budget_s, f"upload to playback within {budget_s:g} s", f"{took_s:.1f} s")
    require(asset.progress == 100, "progress 100 of a ready asset", asset.progress)
    video = media.inspect(preview, "a preview")
    _require_format(video, clip, media.inspect(clip.content, "a source"))
    order = [kind for kind in media.boxes(preview) if kind in {"moov", "mdat"}]
    require(order[:1] == ["moov"], "moov before mdat (fast start)", f"boxes {order}")
    size = media.picture_size(poster, "a poster")
    require(
        size == (video.width, video.height), f"a poster of {video.width} x {video.height}", f"{size[0]} x {size[1]}"
    )
    worst = _require_resembles(clip, preview, poster)
    again = session.remake(asset.id)
    require((again.id, again.status) == (asset.id, "ready"), "a whole preview left alone", f"{again.status}", "api")
    return {
        "seconds": round(took_s, 2),
        "size": f"{video.width} x {video.height}",
        "duration_s": video.duration_s,
        "largest difference": worst,
    }


def _played(exercise: Exercise, session: Session, asset: Asset, variant: str) -> bytes:
    answer = exercise.http.get(session.playback(asset.id, variant).url, timeout_s=30.0)
    require(answer.status == 200, f"200 for the {variant}'s signed link", f"{answer}", "edge")
    return answer.body


def _require_format(video: media.Video, clip: Clip, source: media.Video) -> None:
    require(video.codec == "h264", "codec h264", video.codec)
    require(video.pixels == "yuv420p", "pixel format yuv420p", video.pixels)
    height = min(HEIGHT, clip.height // 2 * 2)
    require(video.height == height, f"height {height}", f"height {video.height}")
    wanted = clip.width / clip.height
    shape = video.width / video.height
    require(
        abs(shape / wanted - 1) < 0.01, f"proportions of {wanted:.3f}", f"{shape:.3f}: {video.width} x {video.height}"
    )
    _require_length(video, clip)
    require(video.audio == ("aac" if source.audio else None), "sound as AAC if the source has some", f"{video.audio}")
    kept = {name: said for name, said in video.told.items() if name in source.told.keys() - CONTAINER}
    require(not kept, "nothing of what the source says of itself", f"{kept}")


def _require_length(video: media.Video, clip: Clip) -> None:
    off_s = abs(video.duration_s - clip.duration_s)
    within = f"duration {clip.duration_s:g} s within {DURATION_WITHIN_S:g} s"
    require(off_s <= DURATION_WITHIN_S, within, f"duration {video.duration_s:.3f} s")


def _require_resembles(clip: Clip, preview: bytes, poster: bytes) -> float:
    source, made = media.thumbnails(clip.content, "a source"), media.thumbnails(preview, "a preview")
    worst = 0.0
    for share in MOMENTS:
        moment_s = share * clip.duration_s
        wanted, found = media.at(source, moment_s), media.at(made, moment_s)
        if media.difference(wanted, media.upside_down(wanted)) < 2 * LARGEST_DIFFERENCE:
            raise Invalid(f"the frame at {moment_s:g} s looks the same upside down: it can prove nothing")
        off = media.difference(wanted, found)
        worst = max(worst, off)
        what = f"the frame at {moment_s:g} s resembles the source (difference up to {LARGEST_DIFFERENCE:g})"
        require(off <= LARGEST_DIFFERENCE, what, f"difference {off:.1f}")
    still = media.thumbnails(poster, "a poster")[0][1]
    nearest = min(media.difference(still, each) for seconds, each in source if seconds <= POSTER_WITHIN_S)
    require(nearest <= LARGEST_DIFFERENCE, "a poster that resembles the source", f"difference {nearest:.1f} at best")
    return round(max(worst, nearest), 2)


@check("DEP-FLOW-02", severity=BLOCKER, component="api")
def test_promotion_writes_one_locked_master(exercise: Exercise) -> None:
    """Promotion writes a locked master, byte-identical by checksum, once, however often it is asked for.

    Why it matters: the master is the only original once staging has expired. A copy that differs, that can be deleted,
    or that exists twice is found out when it is needed.

    How it is measured: a ready upload is promoted by eight requests at once and by two more after them; all must answer 200
    with the same master. Another upload, whose original in staging has been replaced by other bytes of its length, must be
    409. The object in the masters bucket must have the upload's bytes, by SHA-256 and by size, and exactly one version. Its
    retention must be COMPLIANCE and end when the API says, which is targets.master_retention_s after the promotion was asked
    for (a second less, for the clocks); deleting the asset must be 409 meanwhile, and the site's form must say why. Where the
    retention is over before these were tried, nothing is concluded. When it has ended, the asset is deleted, and of its
    master neither a version nor a marker may be left in the bucket; the link by which each edge has played it before must be
    404 at each within 15 s. So the check needs a retention of a minute at most (targets.master_retention_s).

    Not covered: attempts on the lock with the store's own API (INF-S3-03); a promotion that is interrupted.
    """
    require_removable_masters(exercise)
    session, browser = signed_in(exercise), signed_in_browser(exercise)
    clip = small_clip()
    asset = ready_asset(exercise, session, clip)
    link = session.playback(asset.id).url
    _require_at_each_edge(exercise, link, 200)
    kept = timedelta(seconds=float(exercise.target("master_retention_s")) - CLOCKS_S)
    asked = datetime.now(UTC)
    with exercise.cases(at_least=9) as cases:
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            answers = list(pool.map(lambda _: session.promote(asset.id), range(ASKED_AT_ONCE)))
        master = answers[0].master
        require(master is not None, "a master in the answer", f"{answers[0]}")
        assert master is not None
        with cases("once at once"):
            _require_one(answers)
        with cases("locked"):
            _require_locked(exercise, master.bucket, master.key, master.version_id, master.retained_until)
            locked = f"locked for {kept.total_seconds():g} s from {asked}, when the promotion was asked for"
            require(master.retained_until >= asked + kept, locked, f"until {master.retained_until}")
        with cases("still retained"):
            _require_kept(session, browser, asset.id, master.retained_until)
        with cases("once"):
            answers += [session.promote(asset.id), session.asset(asset.id), session.promote(asset.id)]
            _require_one(answers)
            versions = _versions(exercise, master.bucket, master.key)
            require(versions == [master.version_id], "exactly one version, promoted once", f"{versions}", "s3")
        with cases("byte-identical"):
            require(master.sha256 == clip.sha256, f"SHA-256 {clip.sha256}", master.sha256)
            stored = exercise.s3.get(master.bucket, master.key, master.version_id)
            require(stored.ok, "the master in its bucket", f"{stored}", "s3")
            found = hashlib.sha256(stored.body).hexdigest()
            require(found == clip.sha256, f"the stored bytes with SHA-256 {clip.sha256}", found, "s3")
            require(master.size_bytes == len(stored.body), f"{len(stored.body)} bytes", master.size_bytes)
        with cases("in the masters bucket"):
            declared = exercise.s3.bucket("masters")
            require(master.bucket == declared, f"bucket {declared}", master.bucket)
        with cases("a changed original"):
            _require_unchanged(exercise, session)
        with cases("gone with its asset"):
            session.remove(asset.id)
            _require_gone(exercise, master)
        with cases("its link"):
            what = "404 for a deleted asset's link at each edge"
            eventually(
                lambda: _require_at_each_edge(exercise, link, 404), within_s=GONE_WITHIN_S, every_s=0.5, what=what
            )
    exercise.evidence("master", {"requests": len(answers), "versions": 1, "retained_until": f"{master.retained_until}"})


def _require_unchanged(exercise: Exercise, session: Session) -> None:
    """Demand that an original which was replaced after it was accepted is not made a master."""
    asset = ready_asset(exercise, session)
    other = small_clip().content[::-1]
    put = exercise.s3.service("api").call("put_object", Bucket="staging", Key=f"uploads/{asset.id}", Body=other)
    if not put.ok:
        raise Invalid(f"the original could not be replaced: {put}")
    answer = session.call("POST", f"/v1/assets/{asset.id}/promote", timeout_s=30.0)
    said = answer.error or f"{answer.status} {answer.text[:200]}"
    require(answer.status == 409, "409 for promoting an original that has changed", said)


def _require_at_each_edge(exercise: Exercise, link: str, status: int) -> bool:
    host = {"Host": urlsplit(link).netloc}
    for door, via in doors(exercise, "edge").items():
        answer = exercise.http.get(link, headers=host if via else None, via=via)
        require(answer.status == status, f"{status} for the asset's link", answer.error or answer.status, door)
    return True


def _require_one(answers: Sequence[Asset]) -> None:
    told = {each.master for each in answers}
    require(len(told) == 1, f"one master, promoted once by {len(answers)} requests", f"{len(told)}: {told}")


def _require_retained(until: datetime, left_s: float = 0.0) -> None:
    """Raise Invalid unless the retention lasts for so long: after it an asset may be deleted."""
    if datetime.now(UTC) + timedelta(seconds=left_s) >= until:
        raise Invalid(f"the retention until {until} was over before it could be tried: too slow a machine")


def _require_kept(session: Session, browser: Browser, asset_id: str, until: datetime) -> None:
    """Demand that a retained master forbids to delete its asset, at the API and by the site's form."""
    _require_retained(until, LEFT_S)
    answer = session.delete(asset_id)
    page = browser.send("POST", f"/assets/{asset_id}/delete", headers={"Origin": browser.origin, **PAGE})
    if (answer.status, page.status) != (409, 409):
        _require_retained(until)
    require(answer.status == 409, "409 for deleting an asset whose master is locked", f"{answer.status}")
    require("retained_until" in answer.json(), "retained_until in the problem", answer.text)
    require(page.status == 409, "409 for deleting it by the site's form", page.error or page.status, "frontend")
    why = answer.json()["detail"]
    require(why in page.text, f"a page that says {why!r}", page.text.partition("<main")[2][:300], "frontend")


def _require_gone(exercise: Exercise, master: Master) -> None:
    left = _versions(exercise, master.bucket, master.key)
    for version in left:
        exercise.cleanup(remove_object, exercise.s3.service("api"), master.bucket, master.key, VersionId=version)
    require(left == [], "no version of a deleted asset's master, and no marker", f"{left}", "s3")


def _versions(exercise: Exercise, bucket: str, key: str) -> list[str]:
    answer = exercise.s3.call("list_object_versions", Bucket=bucket, Prefix=key)
    require(answer.ok, "the list of versions", f"{answer}", "s3")
    rows = [*answer.data.get("Versions", ()), *answer.data.get("DeleteMarkers", ())]
    return [str(row["VersionId"]) for row in rows if row["Key"] == key]


def _require_locked(exercise: Exercise, bucket: str, key: str, version_id: str, until: datetime) -> None:
    answer = exercise.s3.call("get_object_retention", Bucket=bucket, Key=key, VersionId=version_id)
    require(answer.ok, "a retention that locks the master", f"{answer}", "s3")
    retention = answer.data.get("Retention", {})
    require(retention.get("Mode") == "COMPLIANCE", "locked in COMPLIANCE mode", f"{retention}", "s3")
    stated = retention.get("RetainUntilDate")
    require(stated is not None and stated >= until, f"locked until {until}", f"{stated}", "s3")
