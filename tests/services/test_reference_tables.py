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
    table = write_csv(tmp_path / "mine.csv", [["path", "title"], [path, "T"]])
    with pytest.raises(UserError, match="not below"):
        list(read_audio_table(table, tmp_path / "music"))


def test_a_table_of_neither_kind(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "other.csv", [["a", "b"], ["1", "2"]])
    with pytest.raises(UserError, match='no column "path"'):
        list(read_audio_table(table, tmp_path))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_audio_table(tmp_path / "nowhere.csv", tmp_path))
    write_csv(table, [["path", "Titel"], ["a.mp3", "A"]])
    with pytest.raises(UserError, match=r"none of the columns title.* It has: path, titel\."):
        list(read_audio_table(table, tmp_path))
    table.write_bytes(b"path,title\n\xff\xfe\n")
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


@pytest.mark.parametrize("between", [";", "\t"])
def test_cells_may_stand_apart_by_what_a_language_leaves_free(between: str, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    rows = [["Path", "Title", "Artist"], ["a.mp3", "One, two", "Ana"]]
    table.write_text("".join(between.join(row) + "\n" for row in rows), "utf-8-sig")
    (row,) = read_metadata(table)
    assert (row.title, row.artist) == ("One, two", "Ana")
    assert list(read_audio_table(table, tmp_path)) == [AudioRow("a.mp3", row)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id|Titel|K\xfcnstler\n1|x|y\n"),
        ("a.csv", ""),
        ("a.json", '[{"Titel": "x"}, {"K\xfcnstler\\u001b[2J": "y"}]'),
    ],
)
def test_a_table_that_is_not_understood_is_refused_with_its_columns(
    name: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match="none of the columns title") as refused:
        read_metadata(path)
    assert all(word in str(refused.value) for word in (["titel", "künstler"] if text else ["none"]))
    assert "\x1b" not in str(refused.value)


def test_lines_of_json_end_where_json_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = ['{"Title": "a\u2028b", "artist": "x\x85y"}', "", '{"title": "c"}\r', ""]
    path.write_text("\n".join(lines), "utf-8")
    assert read_metadata(path) == [ReferenceTrack("a\u2028b", "x\x85y"), ReferenceTrack("c")]


def test_what_is_no_name_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '[{"title": 1999, "artist": NaN, "album": ["x"]}, {"title": true, "artist": {"id": 1}}]'
    )
    assert read_metadata(path) == [ReferenceTrack("1999"), ReferenceTrack()]


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
