"""A music file of every format in one folder, to be written against all odds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from msa_desktop.base.history import Change, WriteReport
from msa_desktop.store.journal import Journal
from msa_desktop.tagio import safe_write
from tests.faults.tag_killed import service
from tests.support_tags import digest, jazz
from tests.tagio.corpus import CASES

FORMATS = (
    "mp3-2.2",
    "mp3-2.3",
    "mp3-2.4",
    "mp3-2.4-v1-ape",
    "mp3-none",
    "aac-2.4",
    "flac",
    "flac-id3",
    "ogg-vorbis",
    "ogg-flac",
    "opus",
    "speex",
    "m4a-aac-moov-last",
    "m4a-aac-moov-first",
    "m4a-alac",
    "mp4-fragmented",
    "wav-both",
    "wav-rf64",
    "aiff",
    "aifc",
    "dsf",
    "ape",
    "wavpack",
    "musepack",
    "tta-id3",
    "wma",
)
"""Cases of the corpus: one or two for each format."""

TAG_SYSTEMS = (
    *("mp3-2.2", "mp3-2.3", "mp3-2.4-v1-ape", "aac-2.4", "flac", "ogg-vorbis", "ogg-flac", "opus"),
    *("speex", "m4a-aac-moov-last", "wav-both", "aiff", "dsf", "ape", "wavpack", "musepack"),
    *("tta-id3", "wma"),
)
"""Those of them that do not hold their tags as another one does."""

_ADVICE = re.compile(
    r"try again|write with merging|turn on|undo the fields|if a player plays it|choose \w+ files",
    re.IGNORECASE,
)
_FOR_PROGRAMMERS = re.compile(r"Traceback|Errno|Error\b|Exception|0x|[<>{}\\]|please report")

Masters = Callable[[str], Path]


def masters_in(folder: Path) -> Masters:
    """What builds each file of the corpus once. Read only, please."""
    built: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in built:
            place = folder / name
            place.mkdir()
            built[name] = CASES[name](place)
        return built[name]

    return build


def check_told(told: str) -> None:
    """What a person is told: sentences that say what happened, and what to do."""
    assert told[0].isupper() and told.endswith("."), told
    assert not _FOR_PROGRAMMERS.search(told), told
    assert _ADVICE.search(told), told


@dataclass(frozen=True)
class Shelf:
    """Files, what they were at first, and the history of what was written to them."""

    journal: Journal
    before: dict[Path, str]

    @property
    def files(self) -> list[Path]:
        return list(self.before)

    @property
    def changes(self) -> list[Change]:
        return [jazz(file) for file in self.before]

    def write(self, changes: Sequence[Change] | None = None, *, merge: bool = False) -> WriteReport:
        return service(self.journal).write(changes or self.changes, merge=merge)

    def undo(self, report: WriteReport) -> None:
        """Takes all of a batch back."""
        if report.batch_id is not None:
            back = service(self.journal).undo(report.batch_id)
            assert back.left_alone == ()
            assert len(back.done) == len(report.done)

    def check_tidy(self) -> None:
        """Nothing is left behind, in the folders or in the journal."""
        for folder in {file.parent for file in self.before}:
            assert not [name for name in os.listdir(folder) if name.endswith(safe_write.SUFFIX)]
        assert self.journal.unfinished() == []

    def check_original(self) -> None:
        """Every file has its original bytes."""
        self.check_tidy()
        assert {file: digest(file) for file in self.before} == self.before

    def check_refused(self, report: WriteReport, *words: str) -> None:
        """Every file was left alone, and the person is told so."""
        assert report.done == ()
        assert report.batch_id is None
        assert {path for path, _ in report.left_alone} == set(map(str, self.before))
        for _, told in report.left_alone:
            check_told(told)
            assert any(word in told for word in words), told
        self.check_tidy()

    def check_written(self, report: WriteReport) -> None:
        """Every file was written, and is restored to the byte."""
        assert report.left_alone == ()
        assert {stamp.path for stamp in report.done} == set(map(str, self.before))
        assert all(digest(file) != before for file, before in self.before.items())
        self.check_tidy()
        self.undo(report)
        self.check_original()

    def check_each(self, report: WriteReport) -> None:
        """Each file was either written or left alone for a reason, and all are restored."""
        for path, told in report.left_alone:
            check_told(told)
            assert digest(Path(path)) == self.before[Path(path)]
        assert len(report.done) + len(report.left_alone) + report.unchanged == len(self.before)
        self.check_tidy()
        self.undo(report)
        self.check_original()


def filled(masters: Masters, folder: Path, names: Iterable[str] = FORMATS) -> list[Path]:
    """Copies of the corpus's files, each under its case's name."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Path(shutil.copy(masters(name), folder / f"{name}{masters(name).suffix}")) for name in names
    ]


@contextmanager
def mounted(disk: Path, *, megabytes: int) -> Iterator[Path]:
    """A small disk of its own; skips the test where none can be mounted."""
    disk.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
    if (
        mount is None
        or subprocess.run([mount, *options], capture_output=True, check=False).returncode
    ):
        pytest.skip("no small disk can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@contextmanager
def shelf_of(files: Iterable[Path], state: Path) -> Iterator[Shelf]:
    """The files with a history of their own."""
    with closing(Journal(state)) as journal:
        yield Shelf(journal, {file: digest(file) for file in files})
