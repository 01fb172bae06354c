"""Write the committed schema from an empty server brought to head: `python -m suites.migrations.snapshot [PROFILE]`."""

import sys

from seatrial import Exercise
from seatrial.environment import Environment
from seatrial.profile import find, load
from suites.migrations import _schema as schema


def main(name: str | None = None) -> None:
    """Migrate a scratch server of the environment that is up, and write what it has become."""
    exercise = Exercise(Environment(load(find(name))), "schema snapshot")
    try:
        scratch = exercise.platform.scratch()
        exercise.cleanup(exercise.platform.drop_scratch, scratch.id)
        head = exercise.platform.migrate(scratch.id)["head"]
        schema.SNAPSHOT.write_text(schema.text(schema.read(lambda sql: exercise.pg.scratch_rows(scratch, sql))))
    finally:
        exercise.close()
    print(f"wrote {schema.SNAPSHOT} at head {head}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
