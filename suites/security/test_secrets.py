"""Secrets at rest: encrypted wherever they travel with the source, and for their owner's eyes where they are used."""

from pathlib import Path

from seatrial import BLOCKER, Failure, Invalid, Observe, check, require
from seatrial.facets.files import Rights
from suites.security import _sops, _tree
from suites.security._secret_shapes import is_secret_file

KNOWN_GOOD = (
    "password: ENC[AES256_GCM,data:SG4=,iv:AAAA,tag:AAAA,type:str]\n"
    "sops: {age: [{recipient: age1}], mac: 'ENC[AES256_GCM,data:SG4=,iv:AAAA,tag:AAAA,type:str]'}\n"
)
KNOWN_BAD = KNOWN_GOOD.replace("ENC[AES256_GCM,data:SG4=,iv:AAAA,tag:AAAA,type:str]\nsops", "in the clear\nsops")
# Of a hash nothing but what it costs.
COSTS = r"""
select coalesce(substring(password_hash from '^\$argon2id\$v=19\$m=(\d+),t=\d+,')::int, 0) as kib,
       coalesce(substring(password_hash from '^\$argon2id\$v=19\$m=\d+,t=(\d+),')::int, 0) as passes, count(*) as accounts
from accounts group by 1, 2 order by 1, 2
"""
# KiB and passes, each pair as good as the others (OWASP Password Storage Cheat Sheet, argon2id).
LEAST_COSTS = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))


@check("SEC-SEC-03", severity=BLOCKER, component="secrets")
def test_secrets_at_rest_are_encrypted_or_their_owners_alone(observe: Observe) -> None:
    """Secrets in the tree are encrypted by SOPS; on the platform's disk its user alone reads them; passwords are hashed at a cost.

    Why it matters: a repository is copied to every laptop and every runner, and what was once committed in the clear stays
    in all of them. A secret's file that others may read gives the whole environment to any process of the machine: a
    backup agent, a neighbour's container, a library with a flaw that reads files. A table of passwords is taken with any backup;
    what each guess costs is then all that is between the thief and them.

    How it is measured: in the profile's tree every file named *.sops.* and every file that a `sops:` reference of the
    profile names has each value encrypted, comments included, at least one recipient and a message authentication code; no other file
    there has the name of one that holds secrets (.env, id_ed25519, *.pem, *.key, *.age and so on). On this machine every
    file that a `file:` reference names, and everything else in its folder, belongs to the platform's user (the owner of
    its state folder), files with no more than 0600 and folders with no more than 0700. The judge of SOPS files must pass a known good
    one and refuse a known bad one first. Nothing is decrypted and no file of the platform is opened. Every password in the
    table of accounts is hashed by argon2id with as much memory and as many passes as OWASP asks for at least; of a hash
    nothing but these numbers is read.

    Not covered: who holds the keys that decrypt; whether the cipher text is genuine, which takes a key (`seatrial secrets
    verify`); secrets in the environment's variables (`env:`), which rest elsewhere; App Platform's variables of type SECRET, which
    DEP-SPEC-01 reads in the spec; the disk's own encryption and backups.
    """
    if _sops.problems_of(KNOWN_GOOD) or not _sops.problems_of(KNOWN_BAD):
        raise Invalid("the judge of SOPS files does not tell a known good one from a known bad one")
    names = _tree.files_of(observe.tree)
    encrypted = sorted({name for name in names if _sops.is_sops_file(name)} | _referenced(observe))
    rights = observe.files.secrets()
    if not encrypted and not rights:
        raise Invalid(
            "neither a SOPS file in the tree nor a `file:` reference in the profile: no secret at rest was seen"
        )
    costs = observe.pg.rows(COSTS)
    with observe.cases(at_least=2 + len(encrypted) + len(rights)) as cases:
        with cases("passwords of accounts"):
            if not costs:
                raise Invalid("no account has a password: no hash was seen")
            cheap = [
                row for row in costs if not any(row["kib"] >= kib and row["passes"] >= n for kib, n in LEAST_COSTS)
            ]
            require(not cheap, "passwords hashed at the cost that OWASP asks for at least", f"{cheap}", "postgres")
        for name in encrypted:
            with cases(name):
                problems = _sops.problems_of(_read(observe.tree / name, name))
                require(not problems, "every value encrypted by SOPS", "; ".join(problems), name)
        with cases("no secret's file in the clear"):
            plain = [name for name in names if is_secret_file(name) and name not in encrypted]
            require(not plain, "no plaintext file of secrets in the tree", ", ".join(plain), "tree")
        for each in rights:
            with cases(str(each.path)):
                problems = _too_loose(each, observe.files.owner)
                require(not problems, "a secret that its owner alone can reach", ", ".join(problems), str(each.path))
    kinds = [reference.kind for reference in observe.profile.references()]
    observe.evidence(
        "at rest",
        {
            "files in the tree": len(names),
            "listed by": "git" if _tree.is_repository(observe.tree) else "the folders, for it is no git repository",
            "encrypted": encrypted,
            "files": sum(not each.is_folder for each in rights),
            "folders": sum(each.is_folder for each in rights),
            "hashes": costs,
            "references": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        },
    )


def _referenced(observe: Observe) -> set[str]:
    """Return the SOPS files that the profile names, relative to its tree (absolute where they lie outside of it)."""
    profile = observe.profile
    found = set()
    for reference in profile.references():
        if reference.kind == "sops":
            path = (profile.path.parent / reference.place).resolve()
            inside = path.is_relative_to(profile.tree)
            found.add(path.relative_to(profile.tree).as_posix() if inside else str(path))
    return found


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the SOPS file {name}", str(error), name) from None


def _too_loose(rights: Rights, owner: int) -> list[str]:
    most = 0o700 if rights.is_folder else 0o600
    problems = [f"mode {rights.mode:04o}, expected {most:04o} at most"] if rights.mode & ~most else []
    if rights.owner != owner:
        problems.append(f"owned by user {rights.owner}, expected {owner}")
    return problems
