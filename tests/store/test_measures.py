from __future__ import annotations

import math
from typing import Any

from msa_desktop.base.music import Key, Loudness, Measures, Tempo
from msa_desktop.store import sounds, writes
from msa_desktop.store.measures import measured_by, store_measures
from msa_desktop.store.tracks import SortKey, TrackQuery
from tests.store.shelf import Shelf

MEASURES = Measures(
    Tempo(128.25, 0.75, ((64.125, 0.125),)), Key("Am", 0.5), Loudness(-9.5, 0.875, 0.25, 1.5)
)


def measure(shelf: Shelf, track_id: int, measures: Measures = MEASURES, version: int = 1) -> bool:
    return shelf.writer.run(lambda conn: store_measures(conn, track_id, measures, version))


def order(shelf: Shelf, track_id: int) -> tuple[object, ...]:
    return shelf.sql("SELECT bpm_order, key_order FROM tracks WHERE id = ?", track_id)[0]


def test_what_is_stored_is_read(shelf: Shelf) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    silent = Measures(None, None, Loudness(None, 0, 3, 3))
    assert measure(shelf, a)
    assert measure(shelf, b, Measures())
    assert measure(shelf, c, silent)
    tracks = shelf.reader.get_many([a, b, c])
    assert [track.measures for track in tracks] == [MEASURES, Measures(), silent]
    assert order(shelf, a) == (128.25, 14)
    assert order(shelf, b) == (None, None)


def test_a_removed_track(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    measure(shelf, a)
    shelf.remove(a)
    assert not measure(shelf, a)
    assert shelf.sql("SELECT * FROM measures") == []


def test_what_is_to_be_measured(shelf: Shelf) -> None:
    a, b, new = shelf.add("a.mp3", "b.mp3", "new.mp3")
    for track_id in (a, b):
        shelf.read(track_id)
        shelf.hear(track_id)
    measure(shelf, a, Measures())
    assert shelf.reader.unmeasured(1).tolist() == [b]
    assert shelf.reader.unmeasured(2).tolist() == [a, b]
    assert shelf.writer.run(lambda conn: measured_by(conn, a)) == 1
    assert shelf.writer.run(lambda conn: measured_by(conn, new)) is None


def test_what_the_file_says_goes_first(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    measure(shelf, a)
    shelf.read(a, bpm="90", key="Ebm")
    assert order(shelf, a) == (90, 2)
    shelf.read(a, bpm="fast", key="o")
    assert order(shelf, a) == (None, None), "the first reading of a sound drops what was known"
    measure(shelf, a)
    assert order(shelf, a) == (128.25, 14)
    shelf.read(a, bpm="90", key="C")
    shelf.read(a)
    assert order(shelf, a) == (128.25, 14)


def test_another_sound_is_measured_anew(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a, sound=b"one")
    measure(shelf, a)
    shelf.read(a, "retagged", sound=b"one")
    assert shelf.get(a).measures == MEASURES
    shelf.read(a, sound=b"two")
    assert shelf.get(a).measures == Measures()
    assert order(shelf, a) == (None, None)


def test_a_copy_takes_over_the_measures(shelf: Shelf) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    for track_id in (a, b, c):
        shelf.read(track_id, sound=b"one", key="C" if track_id == c else "")
    shelf.hear(a)
    measure(shelf, a)
    shelf.writer.run(lambda conn: sounds.copy_analysis(conn, a, b))
    shelf.writer.run(lambda conn: sounds.copy_analysis(conn, a, c))
    assert shelf.get(b).measures == MEASURES
    assert order(shelf, b) == (128.25, 14)
    assert order(shelf, c) == (128.25, 15), "its own tag stays"


def test_a_failure_drops_them(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    measure(shelf, a)
    shelf.writer.run(lambda conn: writes.store_failure(conn, a, "damaged"))
    assert shelf.get(a).measures == Measures()


def test_lists_by_tempo_and_key(shelf: Shelf) -> None:
    none, slow, fast, tagged = shelf.add("none.mp3", "slow.mp3", "fast.mp3", "tagged.mp3")
    measure(shelf, slow, Measures(Tempo(70, 0.5), Key("G#m", 0.5)))
    measure(shelf, fast, Measures(Tempo(140, 0.5), Key("E", 0.5)))
    shelf.read(tagged, bpm="100", key="8A")
    by_tempo = TrackQuery(sort=SortKey.BPM)
    assert shelf.reader.ids(by_tempo).tolist() == [slow, tagged, fast, none]
    assert shelf.reader.ids(TrackQuery(sort=SortKey.KEY)).tolist() == [slow, tagged, fast, none]
    backwards = TrackQuery(sort=SortKey.BPM, descending=True)
    assert shelf.reader.ids(backwards).tolist() == [fast, tagged, slow, none]


def test_lists_of_a_tempo_and_of_keys(shelf: Shelf) -> None:
    none, slow, fast, tagged = shelf.add("none.mp3", "slow.mp3", "fast.mp3", "tagged.mp3")
    measure(shelf, slow, Measures(Tempo(70, 0.5), Key("G#m", 0.5)))
    measure(shelf, fast, Measures(Tempo(140, 0.5), Key("E", 0.5)))
    measure(shelf, tagged)
    shelf.read(tagged, "Tagged", bpm="100", key="8A")

    def listed(**asked: Any) -> object:
        return shelf.reader.ids(TrackQuery(sort=SortKey.BPM, **asked)).tolist()

    assert listed(bpm=(60, 100)) == [slow, tagged]
    assert listed(bpm=(100.5, math.inf), descending=True) == [fast]
    assert listed(keys=("E", "Am")) == [tagged, fast]
    assert listed(keys=("E", "Am"), bpm=(0, 120)) == [tagged]
    assert listed(keys=("Am",), words="tag") == [tagged]
    assert listed(keys=("Am",), words="slow") == []
    assert listed(keys=("C",)) == []
    assert listed() == [slow, tagged, fast, none]
