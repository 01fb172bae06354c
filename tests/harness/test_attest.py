"""Signed verdicts: what another implementation says of them, and what was altered, cut off or signed by somebody else."""

import base64
import copy
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from google.protobuf import json_format
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.resource_descriptor_pb2 import ResourceDescriptor as Descriptor
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from seatrial import attest, cli, dsse
from seatrial.verbs.common import USAGE_ERROR
from tests.harness.desk import API, OTHER, SEED, WORKER, Change, Desk, trial


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def known(desk: Desk) -> SSlibKey:
    """Give the desk's public key as the other implementation knows it."""
    return SSlibKey.from_crypto(load_pem_public_key(desk.key.read_bytes()), desk.signer.public.id)


def test_another_implementation_verifies_what_we_sign(desk: Desk) -> None:
    envelope = Envelope.from_dict(json.loads(desk.file.read_text()))

    assert list(envelope.verify([known(desk)], 1)) == [desk.signer.public.id]
    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert envelope.pae() == dsse.pae(dsse.PAYLOAD_TYPE, envelope.payload)


def test_another_implementation_refuses_what_was_altered(desk: Desk) -> None:
    envelope = Envelope.from_dict(json.loads(desk.file.read_text()))
    envelope.payload = envelope.payload.replace(b'"GO"', b'"go"')

    with pytest.raises(VerificationError):
        envelope.verify([known(desk)], 1)


def test_we_verify_what_another_implementation_signs(desk: Desk) -> None:
    theirs = Envelope(json.dumps(desk.statement()).encode(), dsse.PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(desk.signer._key, known(desk)))
    desk.file.write_text(json.dumps(theirs.to_dict()))

    assert desk.verify() == (0, "")


def test_what_is_signed_is_the_protocols_example() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_statement_is_one_by_the_published_messages(desk: Desk) -> None:
    payload = base64.b64decode(json.loads(desk.file.read_text())["payload"])
    message = json_format.Parse(payload, Message())
    Statement.copy_from_pb(message).validate()

    assert message.predicate_type == attest.PREDICATE_TYPE
    assert {each.name: dict(each.digest) for each in message.subject} == {
        "api": {"sha256": API.removeprefix("sha256:")},
        "worker": {"sha256": WORKER.removeprefix("sha256:")},
    }
    predicate = json.loads(payload)["predicate"]
    assert set(predicate) == {"result", "configuration", "passedTests", "warnedTests", "failedTests"}
    assert predicate["result"] == "PASSED"
    assert len(predicate["configuration"]) == 5
    for entry in predicate["configuration"]:
        ResourceDescriptor.copy_from_pb(json_format.ParseDict(entry, Descriptor())).validate()


def test_one_altered_character_is_refused(desk: Desk) -> None:
    text = desk.file.read_text()
    for name in ("payload", "sig"):
        at = text.index(f'"{name}": "') + len(name) + 5 + 20
        desk.file.write_text(f"{text[:at]}{'B' if text[at] == 'A' else 'A'}{text[at + 1 :]}")
        assert desk.verify() == (
            1,
            f"refused: {desk.file}: its signature does not fit: payload or signature were altered, or another key signed it\n",
        )


def test_a_truncated_file_is_refused_wherever_it_ends(desk: Desk) -> None:
    text = desk.file.read_text()
    for end in (*range(60), *range(60, len(text), 97), len(text) - 1):
        with pytest.raises(dsse.Refused):
            dsse.opened(text[:end].encode(), desk.signer.public)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it.update(payloadType="application/json"), "its payloadType is 'application/json', expected"),
        (lambda it: it.update(payloadType="application/vnd.in-toto+json\n"), "its payloadType is"),
        (lambda it: it.pop("payloadType"), "malformed: payloadType"),
        (lambda it: it["signatures"].append(it["signatures"][0]), "it has 2 signatures, expected one"),
        (lambda it: it["signatures"].clear(), "it has 0 signatures, expected one"),
        (lambda it: it.pop("signatures"), "malformed: signatures"),
        (lambda it: it.update(verdict="GO"), "malformed: verdict"),
        (lambda it: it["signatures"][0].update(sig="!"), "its signature is no base64"),
        (lambda it: it["signatures"][0].update(sig=""), "does not fit"),
        (lambda it: it["signatures"][0].update(sig=None), "malformed: signatures.0.sig"),
        (lambda it: it["signatures"][0].update(cert="x"), "malformed: signatures.0.cert"),
        (lambda it: it.update(payload="%%%"), "its payload is no base64"),
        (lambda it: it.update(payload=""), "does not fit"),
        (lambda it: it.update({"a\nGO b": 1}), "a\\nGO b"),
    ],
    ids=[
        "another type",
        "a type and a line",
        "no type",
        "two signatures",
        "an empty list of signatures",
        "no list of signatures",
        "a member more",
        "a signature that is no base64",
        "an empty signature",
        "null for a signature",
        "a certificate",
        "a payload that is no base64",
        "an empty payload",
        "a name with a line",
    ],
)
def test_another_envelope_is_refused(desk: Desk, change: Change, words: str) -> None:
    desk.alter(change)
    code, said = desk.verify()

    assert code == 1
    assert words in said
    assert said.count("\n") == 1
    assert desk.said == ""


def test_a_hint_at_a_key_neither_admits_nor_refuses(desk: Desk) -> None:
    desk.alter(lambda it: it["signatures"][0].update(keyid="another"))
    assert desk.verify()[0] == 0
    desk.alter(lambda it: it["signatures"][0].pop("keyid"))
    assert desk.verify()[0] == 0


def test_either_alphabet_of_base64_is_read(desk: Desk) -> None:
    table = str.maketrans("+/", "-_")
    desk.alter(lambda it: it.update(payload=it["payload"].translate(table)))
    desk.alter(lambda it: it["signatures"][0].update(sig=it["signatures"][0]["sig"].translate(table)))

    assert desk.verify()[0] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the envelope is empty"),
        (b" \n", "the envelope is empty"),
        (b"null", "malformed"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe{\x00}\x00", "no JSON"),
        (b"{}" + b" " * (4 << 20), "more than 4194304 bytes"),
        (b'{"payload": NaN}', "malformed"),
    ],
    ids=["empty", "blank", "null", "deep", "UTF-16", "long", "no number"],
)
def test_what_is_no_envelope_is_refused(desk: Desk, content: bytes, words: str) -> None:
    desk.file.write_bytes(content)
    code, said = desk.verify()

    assert (code, words in said, said.count("\n")) == (1, True, 1), said


def test_a_file_that_is_not_there_is_refused(desk: Desk) -> None:
    desk.file.unlink()
    assert desk.verify() == (1, f"refused: {desk.file}: No such file or directory\n")


def test_a_member_that_is_there_twice_is_refused(desk: Desk) -> None:
    text = desk.file.read_text()
    desk.file.write_text(text.replace('{"payload": ', '{"payload": "e30=", "payload": ', 1))
    assert "'payload' is there twice" in desk.verify()[1]

    statement = json.dumps(desk.statement())
    doubled = statement.replace('"result": ', '"result": "FAILED", "result": ', 1)
    desk.file.write_text(desk.signer.sign(doubled.encode()))
    assert "the statement is no JSON: 'result' is there twice" in desk.verify()[1]


def test_no_change_of_a_signed_value_goes_unnoticed(desk: Desk) -> None:
    """Whatever leaf of the statement is another one, the signature of before does not fit it."""
    statement, signature = desk.statement(), json.loads(desk.file.read_text())["signatures"]
    leaves = list(places(statement))
    assert len(leaves) > 30
    for place in leaves:
        changed = copy.deepcopy(statement)
        holder: Any = changed
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = f"{holder[place[-1]]}x"
        payload = base64.b64encode(json.dumps(changed, sort_keys=True).encode()).decode()
        envelope = {"payload": payload, "payloadType": dsse.PAYLOAD_TYPE, "signatures": signature}
        with pytest.raises(dsse.Refused, match="does not fit"):
            dsse.opened(json.dumps(envelope).encode(), desk.signer.public)


def places(node: Any, at: tuple[Any, ...] = ()) -> Any:
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(child, (*at, key))
    else:
        yield at


def test_another_key_is_refused_by_name(desk: Desk) -> None:
    other = dsse.Signer(OTHER).public
    desk.key.write_text(other.pem)
    code, said = desk.verify()

    assert code == 1
    assert f"it says that key '{desk.signer.public.id}' signed it, and the key given is {other.id}" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("", "is no public Ed25519 key"),
        (SEED, "is a private key"),
        (f"{SEED}\n", "is a private key"),
        ("pkcs8", "is a private key"),
        ("another kind", "is no public Ed25519 key"),
        ("two", "is no public Ed25519 key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no public Ed25519 key"),
    ],
    ids=["missing", "empty", "seed", "seed and line", "pkcs8", "another kind", "two", "garbled"],
)
def test_what_is_no_public_key_is_wrong_usage_and_never_shown(desk: Desk, content: str | None, words: str) -> None:
    if content is None:
        desk.key.unlink()
    elif content == "pkcs8":
        desk.key.write_bytes(desk.signer._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif content == "another kind":
        key = generate_private_key(SECP256R1()).public_key()
        desk.key.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    else:
        desk.key.write_text(desk.signer.public.pem * 2 if content == "two" else content)
    code, said = desk.verify()

    assert code == USAGE_ERROR
    assert words in said
    assert SEED not in said


@pytest.mark.parametrize("seed", ["", SEED[:-1], f"{SEED}A", f"{SEED[:-1]}=", "é" * 43, f"{SEED}\n"])
def test_what_is_no_private_key_signs_nothing(seed: str) -> None:
    with pytest.raises(ValueError, match=r"^not 32 random bytes in base64url$"):
        dsse.Signer(seed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (lambda it: it.update(predicateType="https://slsa.dev/provenance/v1"), "predicateType"),
        (lambda it: it.update(subject=[]), "subject"),
        (lambda it: it["subject"][0].update(digest={}), "a digest is either"),
        (lambda it: it["subject"][0].update(digest={"sha1": "00"}), "subject.0.digest.sha1"),
        (lambda it: it["subject"][0].update(digest={"sha256": "00"}), "subject.0.digest.sha256"),
        (lambda it: it["predicate"].update(result="FAILED"), "contradict the outcomes"),
        (lambda it: it["predicate"]["passedTests"].append("DR-PG-01"), "contradict the outcomes"),
        (lambda it: it["predicate"]["passedTests"].pop(), "contradict the outcomes"),
        (lambda it: trial(it).update(verdict="NO-GO"), "contradict the outcomes"),
        (lambda it: trial(it).update(verdict="MAYBE"), "verdict"),
        (lambda it: trial(it)["outcomes"].update({"INF-PG-01": "FAILED"}), "contradict the outcomes"),
        (lambda it: trial(it).update(finished="2020-01-01T00:00:00+00:00"), "ended before it began"),
        (lambda it: trial(it).update(finished="2030-01-01T00:00:00"), "finished"),
        (lambda it: trial(it).pop("waivers"), "waivers"),
        (lambda it: trial(it).update(extra=1), "extra"),
        (lambda it: it["predicate"]["configuration"].pop(), "no other, has annotations"),
        (lambda it: it["predicate"]["configuration"].append(it["predicate"]["configuration"][0]), "have one name"),
        (lambda it: it["predicate"]["configuration"].append({"name": "seatrial"}), "have one name"),
    ],
    ids=[
        "an older statement",
        "another predicate",
        "no subject",
        "a subject without a digest",
        "an algorithm that is not known",
        "half a digest",
        "another result",
        "a test more",
        "a test less",
        "another verdict",
        "no verdict there is",
        "another outcome",
        "ended too early",
        "a time without a zone",
        "no waivers",
        "an annotation more",
        "no entry of the harness",
        "an entry twice",
        "two entries of the harness",
    ],
)
def test_a_statement_that_is_not_well_formed_is_refused(desk: Desk, change: Change, words: str) -> None:
    desk.sign(change)
    code, said = desk.verify()

    assert code == 1
    assert "the statement is malformed" in said
    assert words in said


def test_the_public_half_is_printed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    private = desk.folder / "key"
    private.write_text(f"{SEED}\n")
    private.chmod(stat.S_IRUSR)
    desk.profile.write_text(f'{desk.profile.read_text()}\n[verdict]\nkey = "file:key"\n')

    assert cli.main(["verdict", "key", "--profile", str(desk.profile)]) == 0
    said = capsys.readouterr()
    assert said.out == desk.signer.public.pem
    assert said.err == f"key {desk.signer.public.id}\n"


@pytest.mark.parametrize(("value", "words"), [(None, "names no key"), ("hunter2 hunter2", "is not 32 random bytes")])
def test_a_profile_without_a_fit_key_says_so(
    desk: Desk, capsys: pytest.CaptureFixture[str], value: str | None, words: str
) -> None:
    if value is not None:
        (desk.folder / "key").write_text(value)
        desk.profile.write_text(f'{desk.profile.read_text()}\n[verdict]\nkey = "file:key"\n')

    assert cli.main(["verdict", "key", "--profile", str(desk.profile)]) == USAGE_ERROR
    said = capsys.readouterr().err
    assert words in said
    assert "hunter2" not in said
