"""Uploads that are interrupted, and calls that are repeated."""

import hashlib
import json
from typing import Any

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Created, Session, another_account, remove, remove_object, signed_in
from suites.deploy._uploads import Keyed, at_once, new_key, pages, put_part, two_parts, under_way

ANNOUNCED = {"filename": "clip.mp4", "content_type": "video/mp4", "size_bytes": 9, "sha256": "0" * 64}
PAGE, LISTED = 2, 5
KEPT = """
select count(*) as kept, count(*) filter (where answer is null) as under_way,
       coalesce(max(extract(epoch from expires_at - now())), 0)::float as longest_s
from idempotent_answers where key = any(%s)
"""
LONGEST_KEPT_S = 2 * 86_400.0


@check("DEP-FLOW-04", severity=MAJOR, component="api")
def test_uploads_go_on_and_repeated_calls_act_once(exercise: Exercise) -> None:
    """An interrupted upload goes on where it stopped; list, rename and delete hold; a call repeated under its key acts once.

    Why it matters: on a phone every upload is interrupted and every answer may be lost. A client that cannot go on begins
    anew for ever; one that repeats what it cannot know to be done makes two jobs, undoes a later rename, or is told that
    there is nothing to delete.

    How it is measured: of a file of two parts the second is sent first; the API must then list it with its ETag, and give URLs
    for what is missing. Completing with that part alone, with its ETag for both, with both parts before the first has come, and
    with the two ETags exchanged must be 409 and lose nothing. After the first part four requests at once complete it under the
    key under which it was too early: one job, and a preview. An
    upload that is deleted half-way must leave no part and no upload in the store; a ready asset that is deleted no
    object. A list in pages of two, during which an asset is added, must hold each of five assets once, newest first.
    Creating, completing, renaming and deleting are each repeated under an Idempotency-Key: at once, and again. All must get
    the same answer (or be told by Retry-After to come again, while the first is under way) and one effect: a rename repeated
    after a later one must not come back. The key with another body, or for another asset, must be 422; another account's
    same key its own. Postgres must hold the keys with an end within two days.

    Not covered: keys for promotion (DEP-FLOW-02 repeats it without) and for sessions, which have none; a key's end itself; an
    instance that dies between an effect and its answer.
    """
    session, keys = signed_in(exercise), list[str]()
    exercise.cleanup(_remove_all, session, exercise.marker)
    with exercise.cases(at_least=10) as cases:
        complete: Keyed | None = None
        ready: Asset | None = None
        created: Created | None = None
        with cases("an interrupted upload goes on"):
            uploading = _begun(exercise, session, content := two_parts())
            complete = _gone_on(session, uploading, content)
        if complete is not None:  # else the case before has failed, and so has the check
            with cases("completing under a key"):
                _completed(exercise, session, uploading.asset, complete, keys)
                ready = session.wait(uploading.asset.id, within_s=float(exercise.target("preview_s")))
        if ready is not None:  # as above
            with cases("deleting under a key"):
                _deleted(exercise, session, ready, keys)
        with cases("an upload that is given up leaves nothing"):
            _given_up(exercise, session, content)
        with cases("creating under a key"):
            created = _created(exercise, session)
        if created is not None:  # as above
            with cases("creating under another account's key"):
                _created_apart(exercise, session, created)
            with cases("renaming under a key"):
                _renamed(session, created.asset, keys)
            with cases("repeating an earlier renaming"):
                _renamed_later(session, created.asset)
        with cases("pages"):
            _paged(exercise, session)
        with cases("keys end"):
            row = exercise.pg.rows(KEPT, (keys,))[0]
            require(row["kept"] == len(keys), f"{len(keys)} keys kept", f"{row['kept']}", "postgres")
            require(row["under_way"] == 0, "an answer for each key", f"{row['under_way']} without", "postgres")
            ends = 0 < row["longest_s"] <= LONGEST_KEPT_S
            require(ends, "keys that expire within two days", f"{row['longest_s']:g} s", "postgres")
            exercise.evidence("keys", {"kept": len(keys), "for at most s": round(row["longest_s"])})


def _begun(exercise: Exercise, session: Session, content: bytes) -> Created:
    """Announce a file of two parts and send the second."""
    created = session.create(f"{exercise.marker} two parts", content, multipart=True)
    require(created.upload is not None and len(created.upload.parts) == 2, "two parts", f"{created.upload}", "api")
    assert created.upload is not None
    answer = put_part(session, created.upload, 2, content)
    require(answer.status == 200, "200 for the second part", f"{answer}", "s3")
    return created


def _gone_on(session: Session, created: Created, content: bytes) -> Keyed:
    """Send the first part, amid calls that come too early or name other parts; return one of them, which fits now."""
    asset_id = created.asset.id
    state = session.unfinished(asset_id)
    numbers = [part["part_number"] for part in state.sent]
    require(numbers == [2], "the second part listed as arrived", f"parts {numbers}", "api")
    assert state.upload is not None and created.upload is not None  # noqa: PT018 - for the types
    same = state.upload.upload_id == created.upload.upload_id
    require(same, "the upload that was begun, to go on with", "another one", "api")
    etag = state.sent[0]["etag"]
    size = created.upload.part_size_bytes or 0
    first, second = (hashlib.md5(part, usedforsecurity=False).hexdigest() for part in (content[:size], content[size:]))
    if second not in etag:
        raise Invalid("the ETag of a part is not its MD5: what that of the first will be is not known")
    early = _completion(session, asset_id, etag.replace(second, first), etag)
    _refused(_completion(session, asset_id, etag), "one part of two")
    _refused(_completion(session, asset_id, etag, etag), "a part that never came")
    _refused(early, "a part that is to come")
    answer = put_part(session, state.upload, 1, content)
    require(
        answer.status == 200,
        "200 for the first part, which can still be sent after what was refused",
        f"{answer}",
        "s3",
    )
    state = session.unfinished(asset_id)
    numbers = [part["part_number"] for part in state.sent]
    require(numbers == [1, 2], "both parts listed, in order", f"parts {numbers}", "api")
    etags = [part["etag"] for part in state.sent]
    _refused(_completion(session, asset_id, *reversed(etags)), "parts with each other's ETags")
    return early


def _completion(session: Session, asset_id: str, *etags: str) -> Keyed:
    """Return the call that completes an upload with the parts of these ETags, the last of which is that of part 2."""
    parts = [{"part_number": number, "etag": etag} for number, etag in enumerate(etags, 3 - len(etags))]
    return Keyed(session, "POST", f"/v1/assets/{asset_id}/complete", {"parts": parts})


def _refused(call: Keyed, what: str) -> None:
    answer = call.settled()
    require(answer.status == 409, f"409 for {what}", f"{answer.status} {answer.text[:200]}", "api")


def _completed(exercise: Exercise, session: Session, asset: Asset, complete: Keyed, keys: list[str]) -> None:
    keys.append(complete.key)
    first = _same(at_once(complete), complete, 202)
    require(first.json()["id"] == asset.id, f"the asset {asset.id}", first.text[:200], "api")
    over = session.unfinished(asset.id).upload
    require(over is None, "nowhere to send more to after the completion", f"{over}", "api")
    rows = exercise.pg.rows("select count(*) as jobs from jobs where asset_id = %s", (asset.id,))
    require(rows[0]["jobs"] == 1, "one job, however often it was completed", f"{rows[0]['jobs']} jobs", "api")
    _other_refused(complete, {"parts": [{"part_number": 2, "etag": "another"}]})


def _deleted(exercise: Exercise, session: Session, asset: Asset, keys: list[str]) -> None:
    path = f"/v1/assets/{asset.id}"
    objects = _objects(exercise, asset.id)
    require(objects != [], "objects of a ready asset", "none", "s3")
    for bucket, key in objects:
        exercise.cleanup(remove_object, exercise.s3.service("api"), bucket, key)
    delete = Keyed(session, "DELETE", path)
    keys.append(delete.key)
    _same(at_once(delete), delete, 204)
    again = session.delete(asset.id)
    require(again.status == 404, "404 for deleting it anew, without the key", f"{again.status}", "api")
    other = delete.settled(path=f"/v1/assets/{asset.id[:-4]}0000")
    require(other.status == 422, "422 for the key with another asset", f"{other.status} {other.text[:200]}", "api")
    left = _objects(exercise, asset.id)
    require(not left, "no object of a deleted asset", f"{left}", "s3")


def _given_up(exercise: Exercise, session: Session, content: bytes) -> None:
    created = _begun(exercise, session, content)
    assert created.upload is not None
    store, key, upload_id = exercise.s3.service("api"), f"uploads/{created.asset.id}", created.upload.upload_id or ""
    exercise.cleanup(remove_object, store, "staging", key, "abort_multipart_upload", UploadId=upload_id)
    named = {"Bucket": "staging", "Key": key, "UploadId": upload_id}
    held = store.call("list_parts", **named)
    require(held.ok and len(held.data.get("Parts", ())) == 1, "one part in the store", f"{held}", "s3")
    answer = session.delete(created.asset.id)
    require(answer.status == 204, "204 for deleting an upload half-way", f"{answer.status} {answer.text[:200]}", "api")
    left = store.call("list_parts", **named)
    require(left.code == "NoSuchUpload", "no part of a deleted upload", f"{left}", "s3")
    late = put_part(session, created.upload, 1, content)
    require(late.status == 404, "404 from the store for a part that comes late", f"{late}", "s3")
    objects = _objects(exercise, created.asset.id)
    require(not objects, "no object of a deleted upload", f"{objects}", "s3")


def _created(exercise: Exercise, session: Session) -> Created:
    create = Keyed(session, "POST", "/v1/assets", {**ANNOUNCED, "title": f"{exercise.marker} once"})
    answers = at_once(create)
    made = {answer.json()["asset"]["id"] for answer in answers if answer.status == 201}
    require(len(made) == 1, "one asset, however often it was announced under one key", f"{len(made)} assets", "api")
    first = _same(answers, create, 201)
    _other_refused(create, {**ANNOUNCED, "title": f"{exercise.marker} another"})
    listed = [each.id for each in session.assets() if each.title.startswith(f"{exercise.marker} ") and each.id in made]
    require(listed == list(made), "one asset in the list", f"{listed}", "api")
    return Created.from_json(first.json())


def _created_apart(exercise: Exercise, session: Session, created: Created) -> None:
    other = signed_in(exercise, another_account(exercise))
    key = new_key()
    mine, theirs = (
        each.create(f"{exercise.marker} same key", b"never sent", idempotency_key=key) for each in (session, other)
    )
    exercise.cleanup(remove, other, theirs.asset.id)
    apart = len({mine.asset.id, theirs.asset.id, created.asset.id}) == 3
    require(apart, "an asset of its own for each account and each key", f"{mine.asset.id}, {theirs.asset.id}", "api")
    path, title = f"/v1/assets/{theirs.asset.id}", {"title": f"{exercise.marker} theirs"}
    rename = Keyed(session, "PATCH", f"/v1/assets/{mine.asset.id}", {"title": f"{exercise.marker} mine"})
    _same([rename()], rename, 200)
    answer = other.call("PATCH", path, json=title, headers={"Idempotency-Key": rename.key})
    require(answer.status == 200, "200 for another account's same key", f"{answer.status} {answer.text[:200]}", "api")
    require(answer.json()["id"] == theirs.asset.id, "its own asset renamed", answer.text[:200], "api")


def _renamed(session: Session, asset: Asset, keys: list[str]) -> None:
    rename = Keyed(session, "PATCH", f"/v1/assets/{asset.id}", {"title": f"{asset.title} renamed"})
    keys.append(rename.key)
    _same(at_once(rename), rename, 200)
    _other_refused(rename, {"title": f"{asset.title} other"})


def _renamed_later(session: Session, asset: Asset) -> None:
    first, later = f"{asset.title} first", f"{asset.title} later"
    rename = Keyed(session, "PATCH", f"/v1/assets/{asset.id}", {"title": first})
    _same([], rename, 200)
    session.rename(asset.id, later)
    said = _same([], rename, 200).json()["title"]
    require(said == first, f"the first answer again, with the title {first!r}", repr(said), "api")
    now = session.asset(asset.id).title
    require(now == later, f"the later title {later!r} after an earlier rename was repeated", repr(now), "api")


def _paged(exercise: Exercise, session: Session) -> None:
    def add(name: str) -> str:
        return session.create(f"{exercise.marker} {name}", b"never sent").asset.id

    made = [add(f"page {number}") for number in range(LISTED)]
    late: list[str] = []
    seen = [item["id"] for item in pages(session, PAGE, lambda: late.append(add("meanwhile")))]
    found = [each for each in seen if each in made]
    wanted = made[::-1]
    require(
        found == wanted,
        f"each of {LISTED} assets once in pages of {PAGE}, newest first",
        f"{found}, not {wanted}",
        "api",
    )
    repeated = sorted({each for each in seen if seen.count(each) > 1})
    require(not repeated, "no asset twice", f"{repeated}", "api")
    again = {item["id"] for item in pages(session, 100)}
    require({*made, *late} <= again, "the one that was added too, the next time", f"{again}", "api")


def _same(answers: list[HttpAnswer], call: Keyed, status: int) -> HttpAnswer:
    """Demand that all got one answer, and that it is given again; return it."""
    settled = call.settled()
    for answer in (*answers, settled):
        what = f"{status} from {answer.method} under one key, or Retry-After"
        require(answer.status == status or under_way(answer), what, f"{answer.status} {answer.text[:200]}", "api")
    texts = {_essence(answer) for answer in (*answers, settled) if not under_way(answer)}
    require(len(texts) == 1, "one answer to all requests under one key", f"{len(texts)}: {sorted(texts)}", "api")
    return settled


def _essence(answer: HttpAnswer) -> str:
    """Return what was answered, without URLs that are signed anew each time."""
    return json.dumps(answer.json().get("asset", answer.json()), sort_keys=True) if answer.body else ""


def _other_refused(call: Keyed, body: Any) -> None:
    answer = call.settled(body)
    require(answer.status == 422, "422 for the key with another body", f"{answer.status} {answer.text[:200]}", "api")


def _remove_all(session: Session, marker: str) -> None:
    for asset in session.assets():
        if asset.title.startswith(marker):
            session.remove(asset.id)


def _objects(exercise: Exercise, asset_id: str) -> list[tuple[str, str]]:
    found = []
    for bucket, prefix in (("staging", f"uploads/{asset_id}"), ("previews", f"previews/{asset_id}/")):
        answer = exercise.s3.call("list_objects_v2", Bucket=exercise.s3.bucket(bucket), Prefix=prefix)
        require(answer.ok, "the list of objects", f"{answer}", "s3")
        found += [(bucket, str(row["Key"])) for row in answer.data.get("Contents", ())]
    return found
