"""Vorbis comments: the tags of FLAC and of every codec in Ogg.

A vendor's name, then a list of "KEY=value" in UTF-8, keys of any case and as often as one likes
(Vorbis I specification, section 5). Entries are handled as the bytes they are: those that are no
UTF-8, or have no "=", stay what they are and where they are.

Opus has a way of its own to say a track's gain, and none to say its peak (RFC 7845, 5.2.1): beside
it ReplayGain's entries should not be, so that no player takes the one for the other.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.base.music import gain_of, gain_text
from msa_desktop.tagio._base import Keep, Piece, TagError, damaged
from msa_desktop.tagio._pieces import merged

NAMES: dict[Field, tuple[str, ...]] = {
    Field.TITLE: ("TITLE",),
    Field.ARTIST: ("ARTIST",),
    Field.ALBUM: ("ALBUM",),
    Field.ALBUM_ARTIST: ("ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST"),
    Field.COMPOSER: ("COMPOSER",),
    Field.DATE: ("DATE", "YEAR"),
    Field.TRACK: ("TRACKNUMBER",),
    Field.DISC: ("DISCNUMBER",),
    Field.GENRE: ("GENRE",),
    Field.MOOD: ("MOOD",),
    Field.BPM: ("BPM", "TEMPO"),
    Field.KEY: ("KEY", "INITIALKEY"),
    Field.GROUPING: ("GROUPING", "CONTENTGROUP"),
    Field.SUMMARY: ("DESCRIPTION",),
    Field.TRACK_GAIN: ("REPLAYGAIN_TRACK_GAIN",),
    Field.TRACK_PEAK: ("REPLAYGAIN_TRACK_PEAK",),
}
"""The keys of each tag: the one that is written, then others that are understood."""

_OPUS_GAIN = "R128_TRACK_GAIN"
_OPUS_NAMES = {**NAMES, Field.TRACK_GAIN: (_OPUS_GAIN, *NAMES[Field.TRACK_GAIN])}
_OPUS_NUMBER = re.compile(r"[+-]?[0-9]{1,5}")
_OPUS_STEPS = 256  # a decibel
_OPUS_REFERENCE = 5.0  # dB that ReplayGain's -18 LUFS are above R128's -23
_INT16 = range(-(1 << 15), 1 << 15)

_TOTALS: dict[Field, tuple[str, ...]] = {
    Field.TRACK: ("TRACKTOTAL", "TOTALTRACKS"),
    Field.DISC: ("DISCTOTAL", "TOTALDISCS"),
}
"""Keys of the 12 in "3/12", where a file keeps it apart."""

_KEPT = ("INITIALKEY",)
"""Other keys that stay where a file has them, to say the same: DJs' programs know no KEY."""

_KNOWN = frozenset(
    key for table in (_OPUS_NAMES, _TOTALS) for keys in table.values() for key in keys
)
_MOST = 100_000  # entries; of four bytes each, a small file could hold millions
_WHOLE = 1 << 10  # bytes of an entry; of anything longer `others` gives the hash


class _Entry(NamedTuple):
    """One entry: its length lies at `at`, its value at `value`."""

    at: int
    value: int
    end: int
    key: str  # upper case; "" where there is no "="


@dataclass(frozen=True, slots=True)
class Comments:
    """A parsed comment.

    Attributes:
        data: The packet or block it lies in.
        start: Where in `data` it begins.
        counted: Where the number of entries lies, behind the vendor's name.
        end: The first byte behind the last entry.
        opus: Whether it is a file's whose sound is Opus.
    """

    data: bytes
    start: int
    counted: int
    entries: tuple[_Entry, ...]
    end: int
    opus: bool

    @property
    def vendor(self) -> bytes:
        """The name of the library that wrote the file."""
        return self.data[self.start + 4 : self.counted]

    @property
    def names(self) -> Mapping[Field, tuple[str, ...]]:
        """The keys of each tag, as `NAMES`."""
        return _OPUS_NAMES if self.opus else NAMES

    def keys(self, field: Field) -> tuple[str, ...]:
        """All keys that say something of a tag."""
        return (*self.names[field], *_TOTALS.get(field, ()))


def parse(data: bytes, start: int = 0, *, opus: bool = False) -> Comments:
    """Finds the entries of a comment.

    Args:
        data: The packet or block that holds it; there may be more behind it.
        start: Where it begins.
        opus: Whether it is a file's whose sound is Opus.

    Raises:
        TagError: It is damaged or cut off.
    """
    counted = _behind(data, start)
    at = counted + 4
    entries = []
    count = _number(data, counted)
    if count > _MOST:
        raise damaged(f"The file's Vorbis comment has more than {_MOST} entries: it is damaged.")
    for _ in range(count):
        end = _behind(data, at)
        equals = data.find(b"=", at + 4, end)
        key = data[at + 4 : max(equals, at + 4)].upper().decode("utf-8", "replace")
        entries.append(_Entry(at, equals + 1 if equals >= 0 else at + 4, end, key))
        at = end
    return Comments(data, start, counted, tuple(entries), at, opus)


def read(comments: Comments) -> dict[Field, tuple[str, ...]]:
    """The tags it holds; bytes that are no UTF-8 read as U+FFFD."""
    return _fields(comments, _values(comments))


def edited(
    comments: Comments, changes: FieldValues
) -> tuple[tuple[Piece, ...], tuple[FrameChange, ...]]:
    """Lays out the comment with some tags changed.

    New entries stand where the first old one of their tag stood, or at the end.

    Returns:
        The comment (from `start` to `end`) as pieces, each `Keep` a stretch of `data`; and what
        differs by key. Nothing differs where it says all of it already.

    Raises:
        TagError: Opus has no place for this.
    """
    values = _values(comments)
    now = _fields(comments, values)
    at_end = len(comments.entries)
    first: dict[str, int] = {}
    for index, entry in enumerate(comments.entries):
        first.setdefault(entry.key, index)
    gone: set[str] = set()
    new: defaultdict[int, list[bytes]] = defaultdict(list)  # by the index they stand before
    frames = []
    for field, wanted in changes.items():
        keys = comments.keys(field)
        variants = comments.names[field][1:]
        if now.get(field, ()) == wanted and not any(key in values for key in variants):
            continue
        if comments.opus and field is Field.TRACK_PEAK and wanted:
            raise TagError("Opus files have no place for a track peak: leave it out.")
        shall = _by_key(comments, field, wanted, values)
        place = min((first[key] for key in keys if key in first), default=at_end)
        for key in keys:
            before, after = tuple(values.get(key, ())), shall.get(key, ())
            if before != after:
                frames.append(FrameChange(key, before, after))
                gone.add(key)
                new[first.get(key, place)].extend(_entry(key, value) for value in after)

    count = sum(entry.key not in gone for entry in comments.entries) + sum(map(len, new.values()))
    pieces: list[Piece] = [
        Keep(comments.start, comments.counted - comments.start),
        count.to_bytes(4, "little"),
    ]
    for index, entry in enumerate(comments.entries):
        pieces.append(b"".join(new[index]))
        if entry.key not in gone:
            pieces.append(Keep(entry.at, entry.end - entry.at))
    pieces.append(b"".join(new[at_end]))
    return merged(pieces), tuple(frames)


def others(comments: Comments, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
    """The vendor and all entries that hold none of the tags in `changes`, by key."""
    if comments.vendor:
        yield "vendor", comments.vendor
    changed = {key for field in changes for key in comments.keys(field)}
    for entry in comments.entries:
        if entry.key not in changed:
            said = memoryview(comments.data)[entry.at + 4 : entry.end]
            long = len(said) > _WHOLE
            yield f"comment {entry.key}", hashlib.sha256(said).digest() if long else bytes(said)


def _values(comments: Comments) -> dict[str, list[str]]:
    """The values of every key that means a tag."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for entry in comments.entries:
        if entry.key in _KNOWN:
            values[entry.key].append(
                comments.data[entry.value : entry.end].decode("utf-8", "replace")
            )
    return dict(values)


def _fields(comments: Comments, values: dict[str, list[str]]) -> dict[Field, tuple[str, ...]]:
    said = {
        key: [text for text in map(_from_opus if key == _OPUS_GAIN else str, texts) if text.strip()]
        for key, texts in values.items()
    }
    result = {}
    for field, names in comments.names.items():
        texts = next((said[key] for key in names if said.get(key)), None)
        if texts is None:
            continue
        totals = [total for key in _TOTALS.get(field, ()) for total in said.get(key, ())]
        if totals and len(texts) == 1 and "/" not in texts[0]:
            texts = [f"{texts[0]}/{totals[0]}"]
        result[field] = tuple(texts)
    return result


def _by_key(
    comments: Comments, field: Field, wanted: tuple[str, ...], present: Container[str]
) -> dict[str, tuple[str, ...]]:
    """What each key shall say; a key that is not there shall go."""
    name, *variants = comments.names[field]
    if name == _OPUS_GAIN:
        return {name: tuple(map(_to_opus, wanted))}
    apart = [key for key in _TOTALS.get(field, ()) if key in present]
    if not wanted or not apart:
        return dict.fromkeys([name, *(v for v in variants if v in _KEPT and v in present)], wanted)
    number, slash, total = wanted[0].partition("/")
    return {name: (number,), **{key: (total,) for key in apart if slash}}


def _from_opus(number: str) -> str:
    """ReplayGain's words for Opus' number; "" where it is none."""
    steps = int(number) if _OPUS_NUMBER.fullmatch(number) else _INT16.stop
    return gain_text(steps / _OPUS_STEPS + _OPUS_REFERENCE) if steps in _INT16 else ""


def _to_opus(text: str) -> str:
    """The same the other way round; what is beyond Opus' range becomes its end."""
    gain = gain_of(text)
    if gain is None:
        raise TagError(f'The track gain "{text}" is no number of decibels.')
    steps = round((gain - _OPUS_REFERENCE) * _OPUS_STEPS)
    return str(min(max(steps, _INT16.start), _INT16.stop - 1))


def _entry(key: str, value: str) -> bytes:
    text = f"{key}={value}".encode()
    return len(text).to_bytes(4, "little") + text


def _behind(data: bytes, at: int) -> int:
    """The end of what lies at a place, its length before it."""
    end = at + 4 + _number(data, at)
    if end > len(data):
        raise _damaged()
    return end


def _number(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise _damaged()
    return int.from_bytes(data[at : at + 4], "little")


def _damaged() -> TagError:
    return damaged("The file's tags (its Vorbis comment) are damaged or cut off.")
