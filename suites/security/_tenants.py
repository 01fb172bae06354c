"""What a stranger tries with an owner's assets, and what the answers must be; `machine` tries it in random order."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from seatrial import Failure, require
from seatrial.probes.http import HttpAnswer
from seatrial.probes.text import one_line, without_queries
from suites.client import Asset, Session, Upload
from suites.client.contract import Operation, body_for

# Headers that differ from answer to answer, whoever asks for whatever.
VOLATILE = frozenset({"date", "x-request-id", "content-length", "connection", "keep-alive"})
LIST = "/v1/assets"
T = TypeVar("T")


def _every_character(text: str) -> str:
    return "".join(f"%{ord(each):02X}" for each in text)


# Spellings of one id: what a router, a database or a cache in between might take for the same.
FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in upper case": str.upper,
    "in braces": lambda text: quote(f"{{{text}}}"),
    "as a URN": lambda text: f"urn:uuid:{text}",
    "without dashes": lambda text: text.replace("-", ""),
    "percent-encoded": _every_character,
    "one character percent-encoded": lambda text: _every_character(text[0]) + text[1:],
    "encoded twice": lambda text: _every_character(text).replace("%", "%25"),
    "with a slash behind": lambda text: f"{text}/",
    "with an encoded slash behind": lambda text: f"{text}%2F",
    "behind two slashes": lambda text: f"/{text}",
    "behind dot segments": lambda text: f"x/../{text}",
    "with a null byte": lambda text: f"{text}%00",
    "with a line end": lambda text: f"{text}%0A",
    "with a space": lambda text: f"%20{text}",
    "with a path parameter": lambda text: f"{text};v=1",
    "with a quote": lambda text: f"{text}%27",
    "with an ending": lambda text: f"{text}.json",
}


@dataclass
class World:
    """The owner with what is hers, and the stranger.

    Attributes:
        victims: name -> the asset as the owner saw it at first.
        marks: texts that no answer to the stranger may hold.
        key: an Idempotency-Key that the owner used, and `announced` the request under it.
        parts: what completes the owner's multipart upload.
        tried: operation -> how often the stranger called it.
    """

    owner: Session
    stranger: Session
    operations: tuple[Operation, ...]
    victims: Mapping[str, Any]
    marks: tuple[str, ...]
    tricks: Mapping[str, str]
    key: str
    announced: Mapping[str, Any]
    parts: list[dict[str, Any]]
    made: Callable[[str], object]
    nobody: str = field(default_factory=lambda: str(uuid.uuid4()))
    tried: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    _controls: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)

    def call(self, operation: str, method: str, path: str, **request: Any) -> HttpAnswer:
        """Call as the stranger; no answer may hold a mark of the owner's."""
        self.tried[operation] += 1
        answer = self.stranger.call(method, path, **request)
        leaked = [mark for mark in self.marks if mark in answer.text or mark in str(answer.headers)]
        require(not leaked, f"nothing of another account's in {operation}", f"{said(answer)}")
        return answer

    def reach(self, operation: Operation, form: str, victim: str) -> None:
        """Ask for the victim; the answer must be a refusal, and the very one for an id that does not exist."""
        asset_id = self.victims[victim]["id"]
        answer = self._ask(operation, FORMS[form](asset_id))
        what = f"{operation} on another's {victim} asset, {form}"
        refused = answer.status is not None and 400 <= answer.status < 500
        require(refused, f"a refusal of {what}", said(answer))
        if form == "as it is":
            require(answer.status == 404, f"404 for {what}", said(answer))
        control = (operation.method + operation.path, form)
        if control not in self._controls:
            self._controls[control] = essence(self._ask(operation, FORMS[form](self.nobody)), self.nobody)
        seen = essence(answer, asset_id)
        expected = f"the answer for an id which does not exist: {self._controls[control]} for {what}"
        require(seen == self._controls[control], expected, seen)

    def _ask(self, operation: Operation, spelled: str) -> HttpAnswer:
        body = {"parts": self.parts} if operation.path.endswith("/complete") else body_for(operation)
        return self.call(str(operation), operation.method, operation.url({"asset_id": spelled}), json=body)

    def list_with(self, trick: str) -> None:
        """List under a filter that names the owner or what is hers; `call` looks for her marks."""
        answer = self.call(f"GET {LIST}", "GET", f"{LIST}?{self.tricks[trick]}")
        require(answer.status in {200, 422}, f"a page or a refusal for a list with {trick}", said(answer))

    def unchanged(self) -> None:
        """Compare the owner's assets with what they were."""
        page = self.owner.call("GET", f"{LIST}?limit=100").json()
        now = {item["id"]: item for item in page["items"]}
        for name, asset in self.victims.items():
            require(now.get(asset["id"]) == asset, f"the owner's {name} asset as it was: {asset}", now.get(asset["id"]))


def essence(answer: HttpAnswer, asset_id: str) -> tuple[Any, ...]:
    """Return what tells one answer from another, without what differs each time and without the id asked for."""
    body: Any = answer.text
    if "json" in answer.headers.get("content-type", ""):
        body = {name: value for name, value in answer.json().items() if name != "instance"}
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in VOLATILE}
    return answer.status, str(body).replace(asset_id, "ID"), str(sorted(headers.items())).replace(asset_id, "ID")


def said(answer: HttpAnswer) -> str:
    """Return what was answered, in short."""
    return answer.error or f"{answer.status} {one_line(without_queries(answer.text))}"


def _one_of(choices: Callable[[World], Sequence[T]]) -> st.SearchStrategy[T]:
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine.world)))


class Stranger(RuleBasedStateMachine):
    """A stranger who has assets of his own and tries hers, in any order; subclasses name the self.world."""

    world: ClassVar[World]
    own: ClassVar[Bundle[str]] = Bundle("own")

    def __init__(self) -> None:
        super().__init__()
        self.titles: dict[str, str] = {}
        self.uploads: dict[str, Upload | None] = {}
        self.under_her_key: tuple[str, str] | None = None  # the title announced first, and the asset made of it

    @rule(target=own, key=st.sampled_from(["none", "hers", "fresh"]), hers=st.booleans(), multipart=st.booleans())
    def create(self, key: str, hers: bool, multipart: bool) -> MultipleResults[str] | str:
        body = {**self.world.announced, "title": f"{self.world.announced['title']}{'' if hers else ' too'}"}
        sent = {"none": "", "hers": self.world.key, "fresh": uuid.uuid4().hex}[key]
        if multipart and key != "hers":
            body["multipart"] = True
        headers = {"Idempotency-Key": sent} if sent else None
        answer = self.world.call(f"POST {LIST}", "POST", LIST, json=body, headers=headers)
        first = self.under_her_key if key == "hers" else None
        if first and first[0] != body["title"]:
            require(answer.status == 422, "422 for a second request under one key", said(answer))
            return multiple()
        require(answer.status == 201, "201 for an asset of the stranger's own, whatever keys others used", said(answer))
        data = answer.json()
        asset = Asset.from_json(data["asset"])
        require(asset.title == body["title"], f"the title {body['title']!r}", asset.title)
        if first:
            require(asset.id == first[1], f"the asset made under this key: {first[1]}", asset.id)
            return multiple()
        self.world.made(asset.id)
        self.titles[asset.id] = asset.title
        self.uploads[asset.id] = Upload.from_json(data["upload"])
        if key == "hers":
            self.under_her_key = body["title"], asset.id
        return asset.id

    @rule(asset_id=own)
    def read(self, asset_id: str) -> None:
        answer = self.world.call("GET own", "GET", f"{LIST}/{asset_id}")
        require(answer.status == 200, "200 for the stranger's own asset", said(answer))

    @rule(asset_id=consumes(own))
    def delete(self, asset_id: str) -> None:
        answer = self.world.call("DELETE own", "DELETE", f"{LIST}/{asset_id}")
        require(answer.status == 204, "204 for the stranger's own asset", said(answer))
        del self.titles[asset_id], self.uploads[asset_id]
        if self.under_her_key and self.under_her_key[1] == asset_id:
            self.under_her_key = None

    @rule(asset_id=own, victim=_one_of(lambda world: sorted(world.victims)))
    def rename_smuggling_an_id(self, asset_id: str, victim: str) -> None:
        hers = self.world.victims[victim]["id"]
        path = f"{LIST}/{asset_id}?id={hers}&asset_id={hers}"
        smuggled = self.world.call("PATCH own", "PATCH", path, json={"title": "taken", "id": hers})
        require(smuggled.status == 422, "422 for a body with an id", said(smuggled))
        renamed = self.world.call("PATCH own", "PATCH", path, json={"title": self.titles[asset_id]})
        require(renamed.status == 200 and renamed.json()["id"] == asset_id, f"{asset_id} renamed", said(renamed))

    @rule(asset_id=own, victim=_one_of(lambda world: sorted(world.victims)))
    def upload_in_her_place(self, asset_id: str, victim: str) -> None:
        upload = self.uploads[asset_id]
        urls = [upload.url or "", *(part.url for part in upload.parts)] if upload else []
        for url in filter(None, urls):
            bent = url.replace(asset_id, self.world.victims[victim]["id"])
            require(bent != url, "an upload URL that names the asset", without_queries(url))
            headers = dict(upload.headers) if upload else {}
            answer = self.world.stranger.client.http.request("PUT", bent, data=b"taken", headers=headers)
            require(answer.status == 403, "403 from the store for another's key", said(answer), "s3")

    @rule(asset_id=own)
    def complete_with_her_parts(self, asset_id: str) -> None:
        path = f"{LIST}/{asset_id}/complete"
        answer = self.world.call("POST own complete", "POST", path, json={"parts": self.world.parts})
        require(answer.status == 409, "409 for parts of another's upload", said(answer))

    @rule(
        operation=_one_of(lambda world: world.operations),
        form=st.sampled_from(sorted(FORMS)),
        victim=_one_of(lambda world: sorted(world.victims)),
    )
    def reach(self, operation: Operation, form: str, victim: str) -> None:
        self.world.reach(operation, form, victim)

    @rule(trick=_one_of(lambda world: sorted(world.tricks)))
    def list_with(self, trick: str) -> None:
        self.world.list_with(trick)

    @invariant()
    def sees_what_is_his(self) -> None:
        self.world.steps += 1
        page = self.world.call(f"GET {LIST}", "GET", f"{LIST}?limit=100").json()
        seen = {item["id"]: item["title"] for item in page["items"]}
        missing = {key: title for key, title in self.titles.items() if seen.get(key) != title}
        require(not missing, "every asset of the stranger's own in his list", f"missing: {missing}")

    @invariant()
    def she_has_what_was_hers(self) -> None:
        self.world.unchanged()

    def teardown(self) -> None:
        for asset_id in self.titles:
            self.world.stranger.remove(asset_id)


def machine(world: World) -> type[RuleBasedStateMachine]:
    """Return the state machine of a stranger in this world."""
    return type("StrangerHere", (Stranger,), {"world": world})


def first_failure(error: BaseException) -> Failure | None:
    """Find the finding in whatever Hypothesis made of it: a stranger's deletion, for one, cannot be repeated."""
    if isinstance(error, Failure):
        return error
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    nearby = (*parts, *(each for each in (error.__cause__, error.__context__) if each))
    return next((found for each in nearby if (found := first_failure(each))), None)
