"""The tags the program reads and writes, each declared once, and what a value of each may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.base.errors import UserError
from msa_desktop.base.text import NOT_FOR_SCREENS


class Field(StrEnum):
    """One tag. The value is its name on the command line, in tables and in the database."""

    TITLE = "title"
    ARTIST = "artist"
    ALBUM = "album"
    ALBUM_ARTIST = "albumartist"
    COMPOSER = "composer"
    DATE = "date"
    TRACK = "track"
    DISC = "disc"
    GENRE = "genre"
    MOOD = "mood"
    BPM = "bpm"
    KEY = "key"
    GROUPING = "grouping"
    SUMMARY = "summary"
    TRACK_GAIN = "replaygain_track_gain"
    TRACK_PEAK = "replaygain_track_peak"


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What is true of a tag in every file format.

    Attributes:
        title: Its name for people.
        many: Whether a file may hold several values of it.
        listed: Whether a semicolon stands between two values, as many files and people write them.
        form: What every value must match.
        example: A valid value, shown where one is refused.
        longest: Characters a value may have.
    """

    title: str
    many: bool = False
    listed: bool = False
    form: re.Pattern[str] | None = None
    example: str = ""
    longest: int = 1000


_COUNTED = re.compile(r"[0-9]{1,4}(/[0-9]{1,4})?")

FACTS: dict[Field, FieldFacts] = {
    Field.TITLE: FieldFacts("Title"),
    Field.ARTIST: FieldFacts("Artist", many=True),
    Field.ALBUM: FieldFacts("Album"),
    Field.ALBUM_ARTIST: FieldFacts("Album artist", many=True),
    Field.COMPOSER: FieldFacts("Composer", many=True),
    Field.DATE: FieldFacts(
        "Date",
        form=re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"),
        example="1999-03-04",
    ),
    Field.TRACK: FieldFacts("Track", form=_COUNTED, example="3 or 3/12"),
    Field.DISC: FieldFacts("Disc", form=_COUNTED, example="1 or 1/2"),
    Field.GENRE: FieldFacts("Genre", many=True, listed=True),
    Field.MOOD: FieldFacts("Mood", many=True, listed=True),
    Field.BPM: FieldFacts(
        "BPM", form=re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{1,3})?"), example="120 or 121.5"
    ),
    # ID3's TKEY, the narrowest of the formats: three characters; "o" is off key.
    Field.KEY: FieldFacts("Key", form=re.compile(r"[A-G][b#]?m?|o"), example="C, F#m or Ebm"),
    Field.GROUPING: FieldFacts("Grouping", many=True, listed=True),
    Field.SUMMARY: FieldFacts("Summary", longest=4000),
    # As the ReplayGain 2.0 specification writes them: no plus, no other number of digits.
    Field.TRACK_GAIN: FieldFacts(
        "Track gain",
        form=re.compile(r"(?!-0\.00)-?(0|[1-9][0-9]?)\.[0-9]{2} dB"),
        example="-7.52 dB",
    ),
    Field.TRACK_PEAK: FieldFacts(
        "Track peak", form=re.compile(r"(0|[1-9][0-9]?)\.[0-9]{6}"), example="0.988553"
    ),
}

PROPOSED = (
    Field.GENRE,
    Field.MOOD,
    Field.BPM,
    Field.KEY,
    Field.GROUPING,
    Field.SUMMARY,
    Field.TRACK_GAIN,
    Field.TRACK_PEAK,
)
"""The tags the program proposes values for."""

FieldValues = Mapping[Field, tuple[str, ...]]
"""Values by tag. An empty tuple: the file has none, or in a change: it shall have none."""

_BYTE_ORDER_MARK = "\ufeff"


def cleaned(field: Field, values: Iterable[str]) -> tuple[str, ...]:
    """Values as they may be written: no control characters, no blanks around, nothing twice.

    "Rock; Pop" is two genres: no format keeps such a value apart from two.

    Raises:
        UserError: A value is none of this tag, or there are several where one is meant.
    """
    facts = FACTS[field]
    kept = _shown(_parted(field, values))
    if len(kept) > 1 and not facts.many:
        raise UserError(f"{facts.title} has one value only, not {len(kept)}.")
    for text in kept:
        if facts.form is not None and not facts.form.fullmatch(text):
            raise UserError(f'{facts.title} cannot be "{text}": write it like {facts.example}.')
        if len(text) > facts.longest:
            raise UserError(
                f"{facts.title} may have {facts.longest} characters at most, not {len(text)}."
            )
    return kept


def shown(field: Field, values: Iterable[str]) -> tuple[str, ...]:
    """A file's values as a person reads them, whatever they are; lines and doubles do not count."""
    if not FACTS[field].many:
        values = [" ".join(values)]
    return _shown(_parted(field, values))


def same(field: Field, a: Iterable[str], b: Iterable[str]) -> bool:
    """Whether two readings of a tag say the same to a person."""
    return shown(field, a) == shown(field, b)


def _parted(field: Field, values: Iterable[str]) -> list[str]:
    if not FACTS[field].listed:
        return list(values)
    return [part for value in values for part in value.split(";")]


def _shown(values: Iterable[str]) -> tuple[str, ...]:
    # A byte order mark is no text: formats in UTF-16 drop one that stands first.
    plain = (NOT_FOR_SCREENS.sub(" ", value.replace(_BYTE_ORDER_MARK, "")) for value in values)
    texts = (" ".join(value.split()) for value in plain)
    return tuple(dict.fromkeys(text for text in texts if text))
