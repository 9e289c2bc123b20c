"""Tables that say what the tracks of a reference index are: FMA's, plain CSV, JSON."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.paths import is_inside
from msa_desktop.base.text import printable
from msa_desktop.store.reference import MOST_BYTES, ReferenceTrack

GENRES = "genres.csv"
"""FMA's table of genres, beside its table of tracks."""

_LONGEST_CELL = 1 << 24  # characters; FMA keeps whole biographies in cells
_WORD = re.compile(r"[;|\n\0]+")  # between the tags of one cell
_NUMBER = re.compile(r"\d+")
_COLUMNS = {
    "title": ("title", "track_title", "name"),
    "artist": ("artist", "artist_name"),
    "album": ("album", "album_title"),
}
_TAG_COLUMNS = ("genre", "genres", "mood", "moods", "tags", "tag_list")
_KNOWN = frozenset(_TAG_COLUMNS).union(*_COLUMNS.values())
_DELIMITERS = ",;\t"  # Excel writes the one that the person's language leaves free
_MOST_SHOWN, _LONGEST_SHOWN = 10, 40  # names of columns that are not known
_PATH_COLUMNS = ("path", "file", "filename")


@dataclass(frozen=True, slots=True)
class AudioRow:
    """A row of a table that says which file it is about.

    Attributes:
        path: Below the folder of the audio, as the system writes it.
    """

    path: str
    track: ReferenceTrack


def read_audio_table(table: Path, folder: Path) -> Iterator[AudioRow]:
    """The tracks of a table in its order.

    Args:
        table: FMA's tracks.csv with genres.csv beside it, or a CSV with the columns path (below
            `folder`), and some of title, artist, album, genre, mood, tags (several split by ";").
            Between cells stands a comma, a semicolon or a tab.
        folder: Holds the audio. Of FMA's tracks, which come in subsets, only those are given
            whose file is there.

    Raises:
        UserError: The table cannot be read, or is of neither kind.
    """
    with _csv_rows(table) as rows:
        head = [next(rows, []) for _ in range(3)]
        if head[2][:1] == ["track_id"]:
            columns = {pair: at for at, pair in enumerate(zip(head[0], head[1], strict=False))}
            yield from _fma_rows(table, folder, columns, rows)
            return
    with _csv_rows(table) as rows:
        names = [name.strip().lower() for name in next(rows, [])]
        column = next((name for name in _PATH_COLUMNS if name in names), None)
        if column is None:
            raise UserError(
                f'{display_path(str(table))} has no column "path" in its first line, and is not '
                "FMA's tracks.csv."
            )
        _check_names(table, names)
        for cells in rows:
            row = dict(zip(names, cells, strict=False))
            path = os.path.normpath(row.get(column, ""))
            if os.path.isabs(path) or not is_inside(os.path.normpath(folder / path), str(folder)):
                raise UserError(
                    f"{display_path(str(table))} names the file {display_path(path)}, which is "
                    f"not below {display_path(str(folder))}."
                )
            yield AudioRow(path, track(row))


def read_metadata(path: Path) -> list[ReferenceTrack]:
    """The rows of a table that goes with vectors, in its order.

    Args:
        path: JSON (a list of objects), JSON lines or CSV, with the names of `read_audio_table`.

    Raises:
        UserError: It cannot be read or is something else.
    """
    shown = display_path(str(path))
    if path.suffix.lower() == ".csv":
        with _csv_rows(path) as rows:
            names = [name.strip().lower() for name in next(rows, [])]
            _check_names(path, names)
            return [track(dict(zip(names, cells, strict=False))) for cells in rows]
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{shown} is larger than a reference index may be.")
        text = path.read_text("utf-8-sig").strip()
        if text[:1] == "[":
            found = json.loads(text)
        else:  # a line ends with "\n": JSON may hold all else that Python would split at
            found = [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{shown} is no JSON: neither a list nor an object a line.") from error
    if not all(isinstance(row, dict) for row in found):
        raise UserError(f"{shown} holds something else than one object for each track.")
    found = [{name.strip().lower(): value for name, value in row.items()} for row in found]
    if found:
        _check_names(path, list(dict.fromkeys(name for row in found for name in row)))
    return [track(row) for row in found]


def track(row: Mapping[str, Any]) -> ReferenceTrack:
    """What one row says; its names in small letters."""
    said = {
        field: next(filter(None, (_name(row.get(name)) for name in names)), "")
        for field, names in _COLUMNS.items()
    }
    tags = [word for name in _TAG_COLUMNS for word in _words(row.get(name))]
    return ReferenceTrack(**said, tags=tuple(dict.fromkeys(tags)))


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Refuses a table that says nothing of its tracks, or says it in words of its own.

    Raises:
        UserError: No column is known.
    """
    if _KNOWN.isdisjoint(names):
        shown = [printable(name)[:_LONGEST_SHOWN] for name in names[:_MOST_SHOWN]]
        raise UserError(
            f"{display_path(str(path))} has none of the columns title, artist, album, genre, mood "
            f"and tags. It has: {', '.join(shown) or 'none'}."
        )


def _name(value: object) -> str:
    """What a cell says; pandas writes NaN where it has nothing, which is nobody's name."""
    return str(value) if type(value) in (str, int) and value else ""


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [word.strip() for word in _WORD.split(value) if word.strip()]
    if isinstance(value, list):
        return [word.strip() for word in value if isinstance(word, str) and word.strip()]
    return []


def _fma_rows(
    table: Path,
    folder: Path,
    columns: Mapping[tuple[str, str], int],
    rows: Iterator[list[str]],
) -> Iterator[AudioRow]:
    """FMA's tracks; source: https://github.com/mdeff/fma (usage.ipynb, utils.py)."""
    genres = _fma_genres(table.with_name(GENRES))

    def cell(cells: list[str], *column: str) -> str:
        at = columns.get((column[0], column[1]))
        return cells[at].strip() if at is not None and at < len(cells) else ""

    for cells in rows:
        if not cells or not cells[0].isdecimal():
            continue
        name = f"{int(cells[0]):06}"
        path = os.path.join(name[:3], f"{name}.mp3")
        if not (folder / path).is_file():
            continue
        own = [genres.get(number, "") for number in _NUMBER.findall(cell(cells, "track", "genres"))]
        tags = dict.fromkeys(filter(None, [*own, cell(cells, "track", "genre_top")]))
        yield AudioRow(
            path,
            ReferenceTrack(
                cell(cells, "track", "title"),
                cell(cells, "artist", "name"),
                cell(cells, "album", "title"),
                tuple(tags),
            ),
        )


def _fma_genres(path: Path) -> dict[str, str]:
    """Titles by number."""
    with _csv_rows(path) as rows:
        names = next(rows, [])
        if not {"genre_id", "title"} <= set(names):
            raise UserError(f"{display_path(str(path))} is not FMA's table of genres.")
        table = [dict(zip(names, cells, strict=False)) for cells in rows]
    return {row["genre_id"]: row.get("title", "") for row in table}


@contextmanager
def _csv_rows(path: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file, empty ones left out.

    Raises:
        UserError: It cannot be read.
    """
    shown = display_path(str(path))
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline(_LONGEST_CELL)
            delimiter = max(_DELIMITERS, key=head.count)
            lines = csv.reader(chain([head], file), delimiter=delimiter)
            yield (cells for cells in lines if cells)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{shown} is no CSV file in UTF-8: {error}.") from error
    finally:
        csv.field_size_limit(limit)
