"""A reference index: tagged tracks of others as vectors, for neighbours from outside the library.

A folder that is made as a whole and then only read:

- manifest.toml: whose vectors they are (encoder, version, dimension), how many, and size and
  SHA-256 of each other file;
- vectors.npy: float32, a row a track, as the encoder gave them;
- tracks.jsonl: a line a row, in the same order;
- artists.npy, artists.jsonl: for each artist the mean of the vectors, and name and count of tracks.

Vectors and tracks belong together by their order, so both are written at once, and a folder whose
counts, sizes or hashes are not the manifest's is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import tomli_w
from numpy.lib.format import open_memmap
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.base.text import bytes_in_words, fold, printable

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What an index may be called; it is also its folder's name."""

MOST_BYTES = 100_000_000
"""Of all files of one index together."""

_MANIFEST = "manifest.toml"
_VECTORS = "vectors.npy"
_TRACKS = "tracks.jsonl"
_ARTISTS = "artists.npy"
_ARTIST_NAMES = "artists.jsonl"
_FILES = (_VECTORS, _TRACKS, _ARTISTS, _ARTIST_NAMES)
_LARGEST_MANIFEST = 100_000
_LONGEST = 300  # characters of a name that are kept
_MOST_TAGS = 100  # of a track that are kept

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class ReferenceTrack:
    """One track of a reference index; "" where it says nothing.

    Attributes:
        tags: Genres, moods and whatever else it is tagged, as those who made the index say it.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceArtist:
    """One artist of a reference index, and how many of its tracks are theirs."""

    name: str
    tracks: int


class _Table(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _File(_Table):
    name: str
    size: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    sha256: str


class Manifest(_Table):
    """What an index says of itself.

    Attributes:
        encoder: The encoder's id.
        version: The encoder's version; vectors of another are not comparable.
        count: How many tracks.
        artists: How many artists.
        source: Where tracks and tags come from.
        licence: What may be done with it, or "".
    """

    format: Literal[1] = 1
    title: str
    encoder: str
    version: str
    dimension: Annotated[int, Field(gt=0)]
    count: Annotated[int, Field(gt=0)]
    artists: Annotated[int, Field(ge=0)]
    source: str = ""
    licence: str = ""
    files: tuple[_File, ...]

    @property
    def ear(self) -> tuple[str, str]:
        """Encoder and version: only vectors of the same can be compared."""
        return self.encoder, self.version


class ReferenceIndex:
    """One index, opened to be read. Its vectors are mapped, not loaded.

    Args:
        folder: Where it is; its name is the index's.

    Raises:
        UserError: It is none, or its files are not those of the manifest (a look at their sizes).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        try:
            with (folder / _MANIFEST).open("rb") as file:
                told = tomllib.loads(file.read(_LARGEST_MANIFEST).decode())
            self.manifest = Manifest.model_validate(told)
        except (OSError, ValueError, RecursionError) as error:  # so deeply nested is no manifest
            raise self._broken("its manifest.toml cannot be read") from error
        if sorted(file.name for file in self.manifest.files) != sorted(_FILES):
            raise self._broken("its manifest.toml names other files")
        if self.size > MOST_BYTES:
            raise self._broken(f"it is larger than {bytes_in_words(MOST_BYTES)}")
        for known in self.manifest.files:
            try:
                size = (folder / known.name).stat().st_size
            except OSError as error:
                raise self._broken(f"{known.name} is missing") from error
            if size != known.size:
                raise self._broken(f"{known.name} has {size} bytes, not {known.size}")

    @property
    def title(self) -> str:
        """What it is shown as."""
        return _short(self.manifest.title)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.manifest.files)

    @cached_property
    def vectors(self) -> FloatArray:
        """Shape (count, dimension), raw.

        Raises:
            UserError: They are not what the manifest says, or hold NaN or infinity.
        """
        return self._matrix(_VECTORS, self.manifest.count)

    @cached_property
    def tracks(self) -> tuple[ReferenceTrack, ...]:
        """One for each vector, in the same order.

        Raises:
            UserError: They cannot be read, or are not as many as the vectors.
        """
        lines = self._lines(_TRACKS, self.manifest.count, ReferenceTrack)
        return tuple(map(_cleaned, lines))

    @cached_property
    def artist_vectors(self) -> FloatArray:
        """Shape (artists, dimension): the mean vector of each artist; errors as for `vectors`."""
        return self._matrix(_ARTISTS, self.manifest.artists)

    @cached_property
    def artists(self) -> tuple[ReferenceArtist, ...]:
        """One for each artist vector, in the same order; errors as for `tracks`."""
        lines = self._lines(_ARTIST_NAMES, self.manifest.artists, ReferenceArtist)
        return tuple(ReferenceArtist(_short(one.name), one.tracks) for one in lines)

    def verify(self) -> list[str]:
        """Reads everything; returns what is wrong."""
        problems = []
        try:
            problems += [
                f"{known.name} is damaged (its SHA-256 differs)"
                for known in self.manifest.files
                if _sha256(self.folder / known.name) != known.sha256
            ]
            _ = self.vectors, self.tracks, self.artist_vectors, self.artists
        except UserError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{self.name} cannot be read: {error.strerror or error}.")
        return problems

    def _matrix(self, name: str, rows: int) -> FloatArray:
        try:
            # Not np.load, which opens archives and pickles too.
            found: FloatArray = open_memmap(self.folder / name, mode="r")
        except Exception as error:  # a damaged file can fail in any way
            raise self._broken(f"{name} cannot be read") from error
        if found.shape != (rows, self.manifest.dimension) or found.dtype != np.float32:
            raise self._broken(f"{name} holds a table of another shape")
        if not np.isfinite(found).all():
            raise self._broken(f"{name} holds what is no number")
        return found

    def _lines(self, name: str, rows: int, kind: type[Line]) -> list[Line]:
        read = TypeAdapter(kind).validate_json
        try:
            with (self.folder / name).open("rb") as file:
                found = [read(line) for line in file]
        except (OSError, ValidationError) as error:
            raise self._broken(f"{name} cannot be read") from error
        if len(found) != rows:
            raise self._broken(f"{name} has {len(found)} lines, not {rows}")
        return found

    def _broken(self, what: str) -> UserError:
        return UserError(
            f"The reference index {display_path(str(self.folder))} is damaged: {what}. Remove it "
            "and build or import it again."
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """What a new index is to say of itself; see `Manifest`."""

    title: str
    encoder: str
    version: str
    source: str = ""
    licence: str = ""


def write(
    home: Path, name: str, origin: Origin, vectors: FloatArray, tracks: Sequence[ReferenceTrack]
) -> ReferenceIndex:
    """Makes an index in the folder `home`; one of that name goes when the new one is whole.

    Args:
        home: Holds a folder an index; made where it is not there.
        name: See `NAME`.
        origin: What it says of itself.
        vectors: Shape (n, dimension), n at least 1.
        tracks: One for each vector, in the same order.

    Raises:
        UserError: It would be too large, or hold nothing.
        ValueError: Vectors and tracks do not go together.
        OSError: It cannot be written.
    """
    if len(vectors) != len(tracks):
        raise ValueError(f"{len(vectors)} vectors do not go with {len(tracks)} tracks.")
    if not len(vectors):
        raise UserError(f"There is not one track for the reference index {name}.")
    tracks = [_cleaned(track) for track in tracks]
    artists, means = _by_artist(vectors, tracks)
    folder, new = home / name, home / f".{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    np.save(new / _VECTORS, np.ascontiguousarray(vectors, np.float32))
    np.save(new / _ARTISTS, means)
    _write_lines(new / _TRACKS, tracks)
    _write_lines(new / _ARTIST_NAMES, artists)
    files = tuple(
        _File.model_construct(name=one, size=(new / one).stat().st_size, sha256=_sha256(new / one))
        for one in _FILES
    )
    if (size := sum(file.size for file in files)) > MOST_BYTES:
        shutil.rmtree(new)
        raise _too_large(size)
    manifest = Manifest(
        **asdict(Origin(*map(printable, astuple(origin)))),
        dimension=vectors.shape[1],
        count=len(tracks),
        artists=len(artists),
        files=files,
    )
    (new / _MANIFEST).write_text(tomli_w.dumps(manifest.model_dump(mode="json")), "utf-8")
    old = home / f".{name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)
    return ReferenceIndex(folder)


def check_room(tracks: Sequence[ReferenceTrack], dimension: int) -> None:
    """Looks whether an index of some tracks will be small enough, before they are heard.

    Raises:
        UserError: It would be too large.
    """
    artists = len(set(artist_numbers(tracks)) - {-1})
    text = sum(len(_line(_cleaned(track)).encode()) for track in tracks)
    if (size := 4 * dimension * (len(tracks) + artists) + text) > MOST_BYTES:
        raise _too_large(size)


def names(home: Path) -> list[str]:
    """The folders of `home` that are, or should be, an index; sorted."""
    if not home.is_dir():
        return []
    return sorted(
        entry.name
        for entry in home.iterdir()
        if NAME.fullmatch(entry.name) and (entry / _MANIFEST).is_file()
    )


def artist_numbers(tracks: Iterable[ReferenceTrack]) -> list[int]:
    """A number for each track's artist, from 0 as they come; -1 where none is named.

    Spellings that differ in case or accents alone are one artist.
    """
    known: dict[str, int] = {}
    keys = (fold(track.artist.strip()) for track in tracks)
    return [known.setdefault(key, len(known)) if key else -1 for key in keys]


def _by_artist(
    vectors: FloatArray, tracks: Sequence[ReferenceTrack]
) -> tuple[list[ReferenceArtist], FloatArray]:
    """The artists, and the mean vector of each, shape (artists, dimension)."""
    numbers = np.array(artist_numbers(tracks))
    counts = np.bincount(numbers[numbers >= 0])
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, numbers[numbers >= 0], vectors[numbers >= 0])
    spelled = {number: track.artist for number, track in zip(numbers, tracks, strict=True)}
    artists = [ReferenceArtist(spelled[i], int(count)) for i, count in enumerate(counts)]
    return artists, (sums / counts[:, np.newaxis]).astype(np.float32)


def _cleaned(track: ReferenceTrack) -> ReferenceTrack:
    """Without what no screen should be given, and at most as long as makes sense."""
    tags = dict.fromkeys(filter(None, map(_short, track.tags[:_MOST_TAGS])))
    return ReferenceTrack(
        _short(track.title), _short(track.artist), _short(track.album), tuple(tags)
    )


def _short(text: str) -> str:
    return printable(text.strip())[:_LONGEST]


def _write_lines(path: Path, rows: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(_line(row))


def _line(row: Any) -> str:
    return json.dumps(asdict(row), ensure_ascii=False) + "\n"


def _too_large(size: int) -> UserError:
    return UserError(
        f"A reference index of these tracks would take {bytes_in_words(size)}; "
        f"{bytes_in_words(MOST_BYTES)} is the most. Make it of fewer tracks."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
