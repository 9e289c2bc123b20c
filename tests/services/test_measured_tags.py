"""Tempo and key: measured, proposed, and proposed anew when they are measured later."""

from __future__ import annotations

import sqlite3
from functools import partial

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import AudioInfo, Embedding, FileStamp, Reading, Tags, TrackId
from msa_desktop.base.music import Key, Measures, Tempo
from msa_desktop.base.proposals import Policy, Proposal
from msa_desktop.store import writes
from msa_desktop.store.measures import store_measures

SURE = Measures(Tempo(127.6, 0.9, ((63.8, 0.06),)), Key("F#m", 0.85))


def add(app: App, tags: Tags) -> TrackId:
    """An analysed track in which nothing was heard."""
    facts = app.encoders[0]

    def change(conn: sqlite3.Connection) -> TrackId:
        root = writes.add_root(conn, "/music")
        (track_id,) = writes.add_tracks(conn, root, [FileStamp("/music/song.flac", 1000, 1)])
        info = AudioInfo(100.0, "flac", 44_100, 2)
        writes.store_reading(conn, track_id, Reading(info, tags, b"sound"))
        labels = {
            s.id: np.zeros(len(s.labels), np.float32) for s in app.vocabulary.sources.values()
        }
        vector = np.ones(facts.dimension, np.float32)
        writes.store_analysis(conn, track_id, [Embedding(facts.id, facts.version, vector, labels)])
        return track_id

    return app.writer.run(change)


def measure(app: App, track_id: TrackId, measures: Measures) -> None:
    app.writer.run(partial(store_measures, track_id=track_id, measures=measures, version=1))


def proposed(app: App, track_id: TrackId) -> dict[Field, Proposal]:
    app.tagging.propose([track_id])
    groups = app.proposals.get_many([track_id])
    return {made.field: made for group in groups for made in group.proposals}


def test_they_are_proposed_once_they_are_measured(app: App) -> None:
    track_id = add(app, Tags("Song"))
    assert proposed(app, track_id) == {}
    measure(app, track_id, SURE)
    found = proposed(app, track_id)
    assert found.keys() == {Field.BPM, Field.KEY}
    tempo, key = found[Field.BPM], found[Field.KEY]
    assert (tempo.current, tempo.values, tempo.confidence) == ((), ("128",), 0.9)
    assert (key.values, key.confidence) == (("F#m",), 0.85)
    assert tempo.suggestions[0].reason == "measured: 127.6 BPM; less likely 64"
    measure(app, track_id, Measures(Tempo(90, 0.8), Key("C", 0.5)))
    assert {field: made.values for field, made in proposed(app, track_id).items()} == {
        Field.BPM: ("90",)
    }


@pytest.mark.parametrize(("bpm", "key"), [("93.5", "8A"), ("0", "o")])
def test_what_the_file_says_is_left_alone(app: App, bpm: str, key: str) -> None:
    track_id = add(app, Tags("Song", bpm=bpm, key=key))
    measure(app, track_id, SURE)
    assert proposed(app, track_id) == {}
    app.override(bpm_policy=Policy.REPLACE, key_policy=Policy.REPLACE)
    found = proposed(app, track_id)
    assert [(made.current, made.values) for made in found.values()] == [
        ((bpm,), ("128",)),
        ((key,), ("F#m",)),
    ]


def test_a_tempo_that_was_rejected_is_not_proposed_in_another_number(app: App) -> None:
    track_id = add(app, Tags("Song"))
    measure(app, track_id, SURE)
    proposed(app, track_id)
    app.tagging.reject([track_id], [Field.BPM])
    measure(app, track_id, Measures(Tempo(64, 0.9), Key("F#m", 0.85)))
    assert proposed(app, track_id).keys() == {Field.KEY}


def test_they_can_be_left_out(app: App) -> None:
    track_id = add(app, Tags("Song"))
    measure(app, track_id, SURE)
    app.override(bpm_policy=Policy.NEVER, least_confidence=0.9)
    assert proposed(app, track_id) == {}
