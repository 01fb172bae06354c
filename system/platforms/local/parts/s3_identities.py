"""Who may do what in the object store: one identity per service, each with a policy of the least it needs."""

import json
from typing import Any

REGION = "us-east-1"  # what SeaweedFS answers for every bucket
STAGING, MASTERS, PREVIEWS, BACKUPS = "staging", "masters", "previews", "backups"
BUCKETS = (STAGING, MASTERS, PREVIEWS, BACKUPS)
IDENTITIES = ("admin", "api", "worker", "edge", "backup", "restore", "observer")

# SeaweedFS has simpler `actions` as well (Read, Write, ...), but its Write lets a service change a bucket's versioning,
# CORS and lifecycle, and nothing below Admin may read the object lock configuration. Policies are exact.
_MULTIPART = ("AbortMultipartUpload", "ListMultipartUploadParts")
_GRANTS: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "api": [
        (("ListBucket",), (STAGING, MASTERS, PREVIEWS)),
        (("ListBucketVersions", "ListBucketMultipartUploads"), (STAGING, MASTERS)),
        (("GetObject", "PutObject", "DeleteObject", *_MULTIPART), (f"{STAGING}/*",)),
        (("GetObject", "GetObjectVersion", "GetObjectRetention"), (f"{MASTERS}/*",)),
        (("PutObject", "PutObjectRetention", "DeleteObject", "DeleteObjectVersion", *_MULTIPART), (f"{MASTERS}/*",)),
        (("GetObject", "DeleteObject"), (f"{PREVIEWS}/*",)),
    ],
    "worker": [
        (("ListBucket",), (STAGING, PREVIEWS)),
        (("GetObject",), (f"{STAGING}/*",)),
        (("GetObject", "GetObjectVersion"), (f"{MASTERS}/*",)),  # to make a lost preview again
        (("GetObject", "PutObject", "DeleteObject", *_MULTIPART), (f"{PREVIEWS}/*",)),
    ],
    "edge": [(("ListBucket",), (PREVIEWS,)), (("GetObject",), (f"{PREVIEWS}/*",))],
    "backup": [
        (("ListBucket", "ListBucketMultipartUploads"), (BACKUPS,)),
        (("GetObject", "PutObject", "DeleteObject", *_MULTIPART), (f"{BACKUPS}/*",)),
        (("DeleteObjectVersion",), (f"{BACKUPS}/trial/*",)),  # what checks have written there
    ],
    # Brings versions back by copying them forward: whoever holds it can delete nothing.
    "restore": [
        (("ListBucket", "ListBucketVersions", "GetBucketVersioning"), (MASTERS, BACKUPS)),
        (("GetObject", "GetObjectVersion", "GetObjectRetention"), (f"{MASTERS}/*", f"{BACKUPS}/*")),
        (("PutObject", "PutObjectRetention"), (f"{MASTERS}/*", f"{BACKUPS}/*")),
    ],
    "observer": [(("Get*", "List*"), ("*",))],
}


def identities_file(keys: dict[str, list[str]]) -> str:
    """Write SeaweedFS' identities; `keys` gives, by identity, pairs of access key and secret key, a line each."""
    identities: list[dict[str, Any]] = []
    for name in IDENTITIES:
        pairs = (pair.split("\n") for pair in keys[name])
        credentials = [{"accessKey": access, "secretKey": secret} for access, secret in pairs]
        rights = {"policyNames": [name]} if name in _GRANTS else {"actions": ["Admin"]}
        identities.append({"name": name, "credentials": credentials, **rights})
    policies = [{"name": name, "content": json.dumps(_policy(grants))} for name, grants in _GRANTS.items()]
    return json.dumps({"identities": identities, "policies": policies})


def _policy(grants: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> dict[str, Any]:
    statements = [
        {
            "Effect": "Allow",
            "Action": [f"s3:{action}" for action in actions],
            "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
        }
        for actions, resources in grants
    ]
    return {"Version": "2012-10-17", "Statement": statements}
