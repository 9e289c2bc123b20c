from __future__ import annotations

import pytest

from msa_desktop.audio.metadata import from_fields, tags, to_fields
from msa_desktop.base.fields import Field
from msa_desktop.base.model import Tags


def test_nothing_said() -> None:
    assert tags({}, {"handler_name": "SoundHandler", "genre": " ; "}) == Tags()


def test_the_first_table_that_speaks_wins() -> None:
    stream = {"TITLE": "Stream", "ALBUM_ARTIST": "Various"}
    assert tags({"title": "Container"}, stream) == Tags(title="Container", album_artist="Various")
    assert tags({"title": " "}, stream).title == "Stream"


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1999", 1999),
        ("1999-03-04T05:06:07", 1999),
        ("20240131", 2024),
        ("04.03.1987", 1987),
        ("0000", None),
        ("soon", None),
    ],
)
def test_years(date: str, year: int | None) -> None:
    assert tags({"date": date}).year == year


@pytest.mark.parametrize(("text", "number"), [("3/12", 3), ("07", 7), ("0", None), ("A", None)])
def test_track_numbers(text: str, number: int | None) -> None:
    assert tags({"track": text}).track_number == number


def test_several_values() -> None:
    found = tags({"genre": "Rock; Pop;Rock", "artist": "Ada;Bo", "album_artist": "Ada\0Bo"})
    assert found.genre == ("Rock", "Pop")
    assert (found.artist, found.album_artist) == ("Ada; Bo", "Ada; Bo")


def test_replaygain_is_kept_as_the_file_says_it() -> None:
    found = tags({"REPLAYGAIN_TRACK_GAIN": "-7.5 dB", "replaygain_track_peak": "0.99"})
    assert (found.track_gain, found.track_peak) == ("-7.5 dB", "0.99")
    fields = {Field.TRACK_GAIN: ("-7.52 dB",), Field.TRACK_PEAK: ()}
    after = from_fields(fields, found)
    assert (after.track_gain, after.track_peak) == ("-7.52 dB", "")
    assert to_fields(after) == {Field.TRACK_GAIN: ("-7.52 dB",)}


def test_odd_text_becomes_readable() -> None:
    latin = "Caf\udce9"  # a byte of Latin-1, as FFmpeg hands it on
    assert tags({"title": latin}).title == "Café"
    assert tags({"title": "\ufeffLine\r\nbreak\t\x07\0"}).title == "Line break"
    assert len(tags({"title": "x" * 100_000}).title) == 4000
    tags({"title": "\udc81"}).title.encode()  # not in any code page, and still text


def test_tags_cannot_command_a_terminal() -> None:
    found = tags({"title": "a\x1b[2Jb\x9b2Jc", "artist": "\u202eAda\u202c"})
    assert (found.title, found.artist) == ("a [2Jb 2Jc", "Ada")
