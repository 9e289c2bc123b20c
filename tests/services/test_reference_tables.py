from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.services.reference_tables import AudioRow, read_audio_table, read_metadata
from msa_desktop.store.reference import ReferenceTrack

FMA_HEAD = [
    ["", "album", "artist", "artist", "set", "track", "track", "track"],
    ["", "title", "bio", "name", "subset", "genre_top", "genres", "title"],
    ["track_id", "", "", "", "", "", "", ""],
]


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_fmas_layout(tmp_path: Path) -> None:
    long_bio = "<p>" + "b" * 200_000  # more than the csv module takes by itself
    table = write_csv(
        tmp_path / "tracks.csv",
        [
            *FMA_HEAD,
            ["2", "AWOL", long_bio, "AWOL", "small", "Hip-Hop", "[21]", "Food"],
            ["3", "AWOL", "", "AWOL", "full", "Hip-Hop", "[21]", "not here"],
            ["123456", "Späße", "", "Ånd", "small", "", "[15, 99]", 'Two\n"lines"'],
        ],
    )
    write_csv(
        tmp_path / "genres.csv",
        [
            ["genre_id", "#tracks", "parent", "title", "top_level"],
            ["15", "1", "0", "Electronic", "15"],
            ["21", "2", "0", "Hip-Hop", "21"],
        ],
    )
    audio = tmp_path / "fma_small"
    touch(audio, "000/000002.mp3", "123/123456.mp3")
    assert list(read_audio_table(table, audio)) == [
        AudioRow(str(Path("000/000002.mp3")), ReferenceTrack("Food", "AWOL", "AWOL", ("Hip-Hop",))),
        AudioRow(
            str(Path("123/123456.mp3")),
            ReferenceTrack('Two\n"lines"', "Ånd", "Späße", ("Electronic",)),
        ),
    ]
    write_csv(tmp_path / "genres.csv", [["id", "name"]])
    with pytest.raises(UserError, match="FMA's table of genres"):
        list(read_audio_table(table, audio))


def test_a_plain_csv(tmp_path: Path) -> None:
    table = write_csv(
        tmp_path / "mine.csv",
        [
            ["\ufeffPath", "Title", "Artist", "Album", "Genre", "Mood"],
            ["a/one.flac", "One", "Ana", "", "Jazz; Cool Jazz", "Calm|Sad"],
            [],
            ["two.wav"],
        ],
    )
    assert list(read_audio_table(table, tmp_path)) == [
        AudioRow(
            str(Path("a/one.flac")),
            ReferenceTrack("One", "Ana", "", ("Jazz", "Cool Jazz", "Calm", "Sad")),
        ),
        AudioRow("two.wav", ReferenceTrack()),
    ]


@pytest.mark.parametrize("path", ["../secret.mp3", "/etc/passwd", "a/../../x.mp3"])
def test_no_file_outside_the_folder_is_named(path: str, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "mine.csv", [["path"], [path]])
    with pytest.raises(UserError, match="not below"):
        list(read_audio_table(table, tmp_path / "music"))


def test_a_table_of_neither_kind(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "other.csv", [["a", "b"], ["1", "2"]])
    with pytest.raises(UserError, match='no column "path"'):
        list(read_audio_table(table, tmp_path))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_audio_table(tmp_path / "nowhere.csv", tmp_path))
    table.write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(UserError, match="no CSV file in UTF-8"):
        list(read_audio_table(table, tmp_path))


ROWS = [
    {"track_id": "1", "title": "One", "artist": "Ana", "caption": "x", "tags": ["jazz", "calm", 3]},
    {"track_id": "2", "title": "Two", "artist_name": "Bo", "tags": "rock;pop", "album": None},
]
TRACKS = [
    ReferenceTrack("One", "Ana", "", ("jazz", "calm")),
    ReferenceTrack("Two", "Bo", "", ("rock", "pop")),
]


def test_rows_beside_vectors(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ROWS), "utf-8")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    write_csv(
        tmp_path / "a.csv",
        [
            ["title", "artist", "tags"],
            ["One", "Ana", "jazz;calm"],
            ["Two", "Bo", "rock;pop"],
        ],
    )
    for name in ("a.json", "a.jsonl", "a.csv"):
        assert read_metadata(tmp_path / name) == TRACKS


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", '{"a": 1}\n[', "[" * 100_000, '"word"', "\x80\x04pickle"]
)
def test_rows_that_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    if not text:
        assert read_metadata(path) == []
        return
    with pytest.raises(UserError, match=r"no JSON|something else"):
        read_metadata(path)
