"""Writes the same tags into the files it is given and prints what became of each, as JSON.

python tests/faults/write_tags.py JOURNAL FILE...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a program of its own

from msa_desktop.base.errors import UserError
from msa_desktop.store.journal import Journal
from tests.faults.tag_killed import service
from tests.support_tags import jazz


def main() -> None:
    journal, *songs = map(Path, sys.argv[1:])
    try:
        report = service(Journal(journal)).write([jazz(song) for song in songs])
    except UserError as error:
        answer = {"error": str(error)}
    else:
        reasons = {Path(path).name: reason for path, reason in report.left_alone}
        answer = {Path(stamp.path).name: "" for stamp in report.done} | reasons
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
