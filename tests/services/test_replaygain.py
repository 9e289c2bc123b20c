"""ReplayGain from the measured loudness into the files, and out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import mutagen
import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.audio import metadata
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import Change
from msa_desktop.base.model import AudioInfo, Embedding, FileStamp, Reading, TrackId
from msa_desktop.base.music import Loudness, Measures
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.proposals import Policy
from msa_desktop.store import writes
from msa_desktop.store.measures import store_measures
from msa_desktop.tagio import _files as tag_files
from tests.support_tags import digest, make_in

GAIN, PEAK = Field.TRACK_GAIN, Field.TRACK_PEAK
CODECS = {".mp3": "mp3", ".flac": "flac", ".opus": "opus", ".m4a": "aac", ".ogg": "vorbis"}


class Shelf:
    """A library of one file of each format, read and measured."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        folder.mkdir()
        make = make_in(folder)
        self.files = [make(folder / f"song{extension}") for extension in CODECS]
        self.ids = app.writer.run(self._put)

    def _put(self, conn: sqlite3.Connection) -> list[TrackId]:
        facts = self.app.encoders[0]
        stats = [(file, file.stat()) for file in self.files]
        stamps = [FileStamp(str(file), s.st_size, s.st_mtime_ns) for file, s in stats]
        ids = writes.add_tracks(conn, writes.add_root(conn, str(self.files[0].parent)), stamps)
        labels = {
            source.id: np.zeros(len(source.labels), np.float32)
            for source in self.app.vocabulary.sources.values()
        }
        for track_id, file in zip(ids, self.files, strict=True):
            info = AudioInfo(0.5, CODECS[file.suffix], 44_100, 2)
            self.read(conn, track_id, file, info)
            vector = np.ones(facts.dimension, np.float32)
            writes.store_analysis(
                conn, track_id, [Embedding(facts.id, facts.version, vector, labels)]
            )
            store_measures(conn, track_id, Measures(loudness=Loudness(-9.5, 0.98855, 0, 0)), 1)
        return ids

    def read(self, conn: sqlite3.Connection, track_id: int, file: Path, info: AudioInfo) -> None:
        tags = metadata.from_fields(tag_files.read(str(file)))
        writes.store_reading(conn, track_id, Reading(info, tags, file.suffix.encode()))

    def propose(self) -> dict[str, dict[Field, tuple[str, ...]]]:
        """What is proposed of ReplayGain, by the files' extensions."""
        self.app.tagging.propose(self.ids)
        found = {
            Path(group.track.path).suffix: {
                made.field: made.values for made in group.proposals if made.field in (GAIN, PEAK)
            }
            for group in self.app.proposals.get_many(self.app.proposals.ids())
        }
        return {extension: made for extension, made in found.items() if made}

    def write(self, fields: FieldValues) -> None:
        """Writes into all files, as a person would."""
        changes = [Change(str(file), fields) for file in self.files]
        assert self.app.tagging.write("by hand", changes=changes).left_alone == ()

    def gains(self) -> dict[str, str]:
        """What the library knows."""
        tracks = self.app.tracks.get_many(self.ids)
        return {Path(track.path).suffix: track.tags.track_gain for track in tracks}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with App(DataPaths(tmp_path / "state")) as app:
        yield Shelf(app, tmp_path / "music")


def test_nothing_is_proposed_until_a_person_asks_for_it(shelf: Shelf) -> None:
    assert shelf.propose() == {}


def test_from_loudness_to_files_and_back(shelf: Shelf) -> None:
    before = [digest(file) for file in shelf.files]
    shelf.app.override(replaygain_policy=Policy.FILL)
    meant = {GAIN: ("-8.50 dB",), PEAK: ("0.988550",)}
    alone = {GAIN: ("-8.50 dB",)}
    assert shelf.propose() == {x: alone if x == ".opus" else meant for x in CODECS}

    shelf.app.tagging.accept(shelf.ids, [GAIN, PEAK])
    report = shelf.app.tagging.write("loudness")
    assert (len(report.done), report.left_alone) == (len(CODECS), ())
    for file in shelf.files:
        said = tag_files.read(str(file))
        assert (said[GAIN], said.get(PEAK, ())) == (
            alone[GAIN],
            meant[PEAK] * (file.suffix != ".opus"),
        )
    assert mutagen.File(shelf.files[2])["r128_track_gain"] == ["-3456"]  # (-8.5 - 5) * 256
    assert shelf.gains() == dict.fromkeys(CODECS, "-8.50 dB")
    assert shelf.propose() == {}

    assert report.batch_id is not None
    shelf.app.tagging.undo(report.batch_id)
    assert [digest(file) for file in shelf.files] == before
    assert shelf.gains() == dict.fromkeys(CODECS, "")


def test_a_gain_of_another_program_stays_unless_it_is_far_off(shelf: Shelf) -> None:
    shelf.app.override(replaygain_policy=Policy.REPLACE)
    shelf.write({GAIN: ("-8.10 dB",)})
    assert shelf.propose() == {}
    shelf.write({GAIN: ("-3.50 dB",)})
    assert {made[GAIN] for made in shelf.propose().values()} == {("-8.50 dB",)}
    shelf.app.override(replaygain_policy=Policy.FILL)
    assert all(GAIN not in made for made in shelf.propose().values())


def test_a_gain_that_was_written_meanwhile_is_not_overwritten(shelf: Shelf) -> None:
    shelf.app.override(replaygain_policy=Policy.FILL)
    shelf.propose()
    flac = mutagen.File(shelf.files[1])
    flac["replaygain_track_gain"] = "-6.00 dB"
    flac.save()
    shelf.app.tagging.accept(shelf.ids[1:2], [GAIN])
    ((path, reason),) = shelf.app.tagging.write("loudness").left_alone
    assert path == str(shelf.files[1])
    assert 'Track gain says "-6.00 dB" by now' in reason


def test_what_was_rejected_is_not_proposed_again(shelf: Shelf) -> None:
    shelf.app.override(replaygain_policy=Policy.FILL)
    shelf.propose()
    shelf.app.tagging.reject(shelf.ids, [GAIN, PEAK])
    assert shelf.propose() == {}
