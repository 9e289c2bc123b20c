from __future__ import annotations

import pytest

from msa_desktop.base.model import Tags, Track, TrackId, TrackState
from msa_desktop.base.music import Key, Loudness, Measures, Tempo
from msa_desktop.ui import measure_words

_MINUS = "\N{MINUS SIGN}"
_MEASURES = Measures(
    Tempo(127.8, 0.88, ((63.9, 0.12),)), Key("F#m", 0.78), Loudness(-9.46, 0.871, 0.2, 2.13)
)


def _track(measures: Measures = _MEASURES, *, bpm: str = "", key: str = "") -> Track:
    tags = Tags(bpm=bpm, key=key)
    return Track(
        TrackId(1), "/a.mp3", 1, TrackState.ANALYSED, tags, None, 1, 1, 0.0, "", False, measures
    )


def test_what_was_measured() -> None:
    track = _track()
    assert measure_words.bpm(track) == "128"
    assert measure_words.key(track) == "F#m · 11A"
    assert measure_words.loudness(track) == f"{_MINUS}9.5 LUFS"
    assert measure_words.brief(track) == "128 BPM · F#m · 11A"
    assert measure_words.tempo_tip(track) == "Measured: 128 BPM, 88 % sure, or 64 (12 %)"
    assert measure_words.key_tip(track) == "Measured: F#m · 11A, 78 % sure"
    assert not measure_words.has_bpm_tag(track)
    assert list(measure_words.facts(track)) == [
        ("Tempo", "128 BPM", "88 % sure, or 64 (12 %)"),
        ("Key", "F#m · 11A", "78 % sure"),
        ("Loudness", f"{_MINUS}9.5 LUFS", f"gain {_MINUS}8.5, peak {_MINUS}1.2 dB"),
        ("Silence", "2.1 s at the end", ""),
    ]


@pytest.mark.parametrize(
    ("said", "shown", "note"),
    [
        ("128", "128", "in the file"),
        ("127.50", "127.5", "in the file"),
        ("64.0", "64", "in the file; measured 128"),
        ("0", "128", "88 % sure, or 64 (12 %)"),
        ("fast", "128", "88 % sure, or 64 (12 %)"),
    ],
)
def test_what_the_file_says_of_the_tempo_goes_first(said: str, shown: str, note: str) -> None:
    track = _track(bpm=said)
    assert measure_words.bpm(track) == shown
    assert next(measure_words.facts(track)) == ("Tempo", f"{shown} BPM", note)
    assert measure_words.has_bpm_tag(track) == note.startswith("in the file")


def test_what_the_file_says_of_the_key_goes_first() -> None:
    track = _track(key="8A")
    assert measure_words.key(track) == "Am · 8A"
    assert measure_words.key_tip(track) == "In the file: Am · 8A\nMeasured: F#m · 11A, 78 % sure"
    assert list(measure_words.facts(track))[1] == ("Key", "Am · 8A", "in the file; measured F#m")
    agreed = _track(key="Gb minor")
    assert list(measure_words.facts(agreed))[1] == ("Key", "F#m · 11A", "in the file")


def test_what_was_not_measured_says_nothing() -> None:
    track = _track(Measures())
    words = (measure_words.bpm, measure_words.key, measure_words.loudness, measure_words.brief)
    tips = (measure_words.tempo_tip, measure_words.key_tip, measure_words.loudness_tip)
    assert [say(track) for say in (*words, *tips)] == [""] * 7
    assert list(measure_words.facts(track)) == []
    assert list(measure_words.facts(_track(Measures(), bpm="90"))) == [
        ("Tempo", "90 BPM", "in the file")
    ]


def test_speech_and_silence() -> None:
    speech = _track(Measures(None, None, Loudness(-21.0, 1.2, 0.9, 0.7)))
    assert list(measure_words.facts(speech)) == [
        ("Tempo", "No beat", ""),
        ("Key", "None heard", ""),
        ("Loudness", f"{_MINUS}21.0 LUFS", "gain 3.0, peak 1.6 dB"),
        ("Silence", "0.9 s at the start", "0.7 s at the end"),
    ]
    assert measure_words.tempo_tip(speech) == "No beat was heard"
    silent = _track(Measures(None, None, Loudness(None, 0.0, 3.0, 3.0)))
    assert list(measure_words.facts(silent))[2:] == [("Loudness", "Silent", "")]
    assert measure_words.loudness_tip(silent) == "Silent"
    short = _track(Measures(None, None, Loudness(None, 0.5, 0.0, 0.0)))
    assert list(measure_words.facts(short))[2:] == [
        ("Loudness", "Too short or quiet", f"peak {_MINUS}6.0 dB")
    ]
