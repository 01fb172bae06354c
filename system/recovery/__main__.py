"""Command line: `python -m system.recovery --bucket masters --prefix masters/ --at 2026-01-31T13:04:00+00:00 --dry-run`.

The key is taken from where boto3 looks for one: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a file of credentials.
"""

import argparse
import datetime as dt
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from system.recovery import Taken, read_moment, recover_objects


def main(arguments: list[str]) -> int:
    """Bring objects back; 0 done, 1 with one line on stderr when not, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m system.recovery", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--endpoint", metavar="URL", help="the store; by default AWS'")
    parser.add_argument("--region", help="by default as boto3 finds it")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--prefix", required=True, help="of the keys; '' for the whole bucket")
    parser.add_argument("--at", required=True, type=_moment, metavar="MOMENT", help="such as 2026-01-31T13:04:00+00:00")
    parser.add_argument("--dry-run", action="store_true", help="say what would be brought back, and change nothing")
    options = parser.parse_args(arguments)
    # Checksums of newer SDKs are refused by stores that are only nearly S3.
    config = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.client("s3", endpoint_url=options.endpoint, region_name=options.region, config=config)
    try:
        outcome = recover_objects(client, options.bucket, options.prefix, options.at, dry_run=options.dry_run)
    except (BotoCoreError, ClientError, ValueError, RuntimeError) as error:
        print(f"recovery: {error}", file=sys.stderr)
        return 1
    print("\n".join(_report(outcome.taken, outcome.unchanged, outcome.later, dry_run=options.dry_run)))
    return 0


def _moment(text: str) -> dt.datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _report(taken: tuple[Taken, ...], unchanged: int, later: int, *, dry_run: bool) -> list[str]:
    """Say a line for each object, and what it comes to."""
    lines = [f"{each.key}: was {each.was}, the version of {each.modified:%Y-%m-%dT%H:%M:%SZ}" for each in taken]
    verb = "would be brought back" if dry_run else "brought back"
    return [*lines, f"{len(taken)} {verb}, {unchanged} as they were, {later} made later and left alone"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
