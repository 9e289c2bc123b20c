from __future__ import annotations

from dataclasses import replace

from msa_desktop.base.model import Hit, Tags, Track, TrackId, TrackState
from msa_desktop.base.music import Measures, Tempo
from msa_desktop.cli._hits import hit_json, hit_table, mix_json


def hit(title: str, *encoders: str) -> Hit:
    track = Track(
        TrackId(7), f"/music/{title}.mp3", 1, TrackState.ANALYSED, Tags(title, "Ann", "Once"),
        None, 1, 1, 0.0,
    )  # fmt: skip
    return Hit(track, 0.87654321, ("piano", "calm"), encoders)


def test_json_has_the_documented_keys() -> None:
    assert hit_json(hit("Rain", "musicnn", "clap")) == {
        "id": 7,
        "path": "/music/Rain.mp3",
        "title": "Rain",
        "artist": "Ann",
        "album": "Once",
        "score": 0.8765,
        "labels": ["piano", "calm"],
        "encoders": ["musicnn", "clap"],
    }


def test_a_mix_tells_tempo_and_key_as_well() -> None:
    one = hit("Rain", "musicnn")
    bare = {"bpm": None, "key": None, "camelot": None}
    assert mix_json(one) == hit_json(one) | bare
    tags = replace(one.track.tags, key="8A")
    told = replace(one, track=replace(one.track, tags=tags, measures=Measures(Tempo(99.987, 0.5))))
    assert mix_json(told) == hit_json(told) | {"bpm": 99.99, "key": "Am", "camelot": "8A"}


def test_who_heard_a_hit_is_only_told_where_it_is_not_the_same_one() -> None:
    one = hit_table([hit("Rain", "musicnn"), hit("Snow", "musicnn")], "both sound like")
    assert one[0].split("  ")[-1].strip() == "both sound like"
    assert len(one) == 3
    several = hit_table([hit("Rain", "musicnn", "clap"), hit("Snow", "clap")], "because")
    assert several[0].endswith("heard by")
    assert several[1].endswith("musicnn, clap")
    assert several[2].endswith("  clap")
