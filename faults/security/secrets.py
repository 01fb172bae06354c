"""Secrets at rest that somebody else can read or guess: rights that slipped, values in the clear in the tree, cheap hashes."""

import stat
from pathlib import Path

from faults._tree import PatchedTree
from seatrial import Destroy, Observe, fault
from seatrial.errors import Invalid

FILE = "profiles/secrets/staging.sops.yaml"
# As SOPS writes it, to a recipient whose key was thrown away.
SOPS = """\
postgres_observer: ENC[AES256_GCM,data:zh1kUPCimQ==,iv:YIjDRuqz4rNWNCjDnORR2UoRLAFCNLtWEvdGCiplAw8=,tag:sSVTrBeJsuM6WKN3yzBVdg==,type:str]
sops:
    age:
        - recipient: age19zk6azle4e7mfkpezrlrcefgga3j6qdfq70mwgxq8f3n6srx2svstcw5f9
    lastmodified: "2026-11-27T07:25:01Z"
    mac: ENC[AES256_GCM,data:xItwBMuniToemIeVqbDxy3PjmrMBLyAajLrWILmMC1PM7w==,iv:hdcP+zjtJqW81aEvy2MBvSTjIefTClTCp2FLYj8tapY=,tag:1Ogw1oMs7ojx7D0iV2iCbg==,type:str]
    version: 3.11.0
"""
# Of a password that was thrown away.
CHEAP = "$argon2id$v=19$m=19,t=2,p=1$knkz90U4gMNHT2H52N/2bA$PtIj7Nqj0Uf01gJiZqZq8iRoTRCjH70WnFlSYyzlRcU"


def _a_file(observe: Observe) -> Path:
    files = observe.profile.secret_files
    if not files:
        raise Invalid("the profile names no secret by `file:`")
    return files[0].resolve()


@fault("secret-file-readable", kind="configuration", caught_by={"SEC-SEC-03": "mode 0644, expected 0600 at most"})
class Readable:
    """A secret's file was written under an ordinary umask, so that everybody on the machine can read it.

    Source: https://cwe.mitre.org/data/definitions/732.html (incorrect permission assignment for critical resource)
    """

    def strike(self, destroy: Destroy) -> None:
        """Let everybody read it."""
        destroy.files.chmod(_a_file(destroy), 0o644)

    def in_effect(self, observe: Observe) -> bool:
        """Find the bit of the others."""
        return bool(_a_file(observe).stat().st_mode & stat.S_IROTH)


@fault("secret-folder-open", kind="configuration", caught_by={"SEC-SEC-03": "mode 0755, expected 0700 at most"})
class FolderOpen:
    """The secrets' folder was made anew by a deployment script, with the rights of any other folder.

    Source: https://cwe.mitre.org/data/definitions/276.html (incorrect default permissions)
    """

    def strike(self, destroy: Destroy) -> None:
        """Let everybody in."""
        destroy.files.chmod(_a_file(destroy).parent, 0o755)

    def in_effect(self, observe: Observe) -> bool:
        """Find the bit of the others."""
        return bool(_a_file(observe).parent.stat().st_mode & stat.S_IXOTH)


@fault("sops-value-in-the-clear", kind="data", caught_by={"SEC-SEC-03": "valkey_observer is not encrypted"})
class ValueInTheClear(PatchedTree):
    """A value was added to an encrypted file with an ordinary editor, and committed before SOPS saw it.

    Source: https://cwe.mitre.org/data/definitions/312.html (cleartext storage of sensitive information)
    """

    edits = ({"file": FILE, "find": "", "replace": f"valkey_observer: correct-horse-battery\n{SOPS}"},)


@fault("sops-decrypted", kind="data", caught_by={"SEC-SEC-03": "was never encrypted"})
class Decrypted(PatchedTree):
    """A file was decrypted in place to look something up, and committed so.

    Source: https://cwe.mitre.org/data/definitions/312.html (cleartext storage of sensitive information)
    """

    edits = ({"file": FILE, "find": "", "replace": "postgres_observer: correct-horse-battery\n"},)


@fault("secret-file-committed", kind="data", caught_by={"SEC-SEC-03": "system/api/.env"})
class Committed(PatchedTree):
    """A developer's file of variables came along with `git add --all`.

    Source: https://cwe.mitre.org/data/definitions/538.html (sensitive information in an externally accessible file)
    """

    edits = ({"file": "system/api/.env", "find": "", "replace": "DATABASE_PASSWORD=correct-horse-battery\n"},)


@fault(
    "passwords-hashed-cheaply",
    kind="data",
    caught_by={"SEC-SEC-03": "passwords hashed at the cost that OWASP asks for"},
)
class HashedCheaply:
    """A password was set while KiB of memory were taken for MiB: each guess at its hash is a thousand times as cheap.

    Source: CWE-916, "Use of Password Hash With Insufficient Computational Effort"
    """

    def strike(self, destroy: Destroy) -> None:
        """Give an account that hash."""
        email, _ = destroy.account_number(0)
        destroy.pg.update_row("accounts", {"email": email}, "password_hash", CHEAP)

    def in_effect(self, observe: Observe) -> bool:
        """Find it with its account."""
        return len(observe.pg.rows("select 1 from accounts where password_hash = %s", (CHEAP,))) == 1
