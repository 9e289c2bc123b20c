"""The tags at the end of a file, whatever its sound is: APE, ID3v1, Lyrics3.

They may come in any order, and more than once. Lyrics3 (id3.org/Lyrics3v2) and the enhanced ID3v1
("TAG+") are found so that what stands before them is, and are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import _apev2, _id3v1
from msa_desktop.tagio._apev2 import ApeTag
from msa_desktop.tagio._base import Edit, Keep, Piece, Source
from msa_desktop.tagio._id3v1 import Id3v1
from msa_desktop.tagio._pieces import content, merged, named

_MOST = 16  # tags at one file's end
_ENHANCED = 227  # bytes of "TAG+", before an ID3v1
_LYRICS_BEGIN = b"LYRICSBEGIN"
_LYRICS_1_END = b"LYRICSEND"
_LYRICS_1_LONGEST = 5100  # bytes of lyrics
_LYRICS_2_END = b"LYRICS200"
_LYRICS_2_SIZE = 6  # digits, before the end
_NEAR = 1 << 16  # bytes in which a tag that only has a header is looked for


@dataclass(frozen=True, slots=True)
class _Kept:
    """A tag that is only known to be one."""

    source: Source
    begin: int
    end: int

    def read(self) -> dict[Field, tuple[str, ...]]:
        return {}

    def edit(
        self, changes: FieldValues, *, main: bool = False
    ) -> tuple[list[Piece], list[FrameChange]]:
        del changes, main
        return [Keep(self.begin, self.end - self.begin)], []

    def others(self, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
        del changes
        yield "Lyrics3 or TAG+", content(self.source, self.begin, self.end - self.begin)


_Tag = ApeTag | Id3v1 | _Kept


@dataclass(frozen=True, slots=True)
class Tail:
    """The tags at the end of one file.

    Attributes:
        begin: Where they begin; the file's size where there are none.
    """

    source: Source
    begin: int
    tags: tuple[_Tag, ...]

    @property
    def _main(self) -> ApeTag | None:
        return next((tag for tag in reversed(self.tags) if isinstance(tag, ApeTag)), None)

    @property
    def has_ape(self) -> bool:
        """Whether an APE tag is among them."""
        return self._main is not None

    @property
    def comment(self) -> str:
        """What the comment of ID3v1 says."""
        return next((tag.comment for tag in reversed(self.tags) if isinstance(tag, Id3v1)), "")

    def read(self) -> dict[Field, tuple[str, ...]]:
        """The fields the tags hold: those of the last APE tag, then those of ID3v1."""
        found: dict[Field, tuple[str, ...]] = {}
        for tag in reversed(self.tags):
            if isinstance(tag, Id3v1):
                found = {**tag.read(), **found}
        return {**found, **(self._main.read() if self._main else {})}

    def edit(self, changes: FieldValues, *, create: bool = False) -> Edit:
        """Lays out the file's end, from `begin` on, with some fields changed.

        Args:
            changes: What fields shall be.
            create: Whether the last APE tag is the file's main one, and is made where there is
                none. Otherwise a tag's fields are only changed where it holds them already.
        """
        main = self._main if create else None
        pieces: list[Piece] = []
        frames: list[FrameChange] = []
        if create and not main and any(changes.values()):
            # Before the others: ID3v1 and Lyrics3 are looked for at the very end.
            tag, frames = _apev2.created(changes)
            pieces.append(tag)
        for each in self.tags:
            new, changed = each.edit(changes, main=each is main)
            pieces += new
            frames += changed
        return Edit(merged(pieces), tuple(frames))

    def others(self, changes: FieldValues) -> dict[str, bytes]:
        """Everything in these tags that `changes` does not speak of, by name."""
        return named(part for tag in self.tags for part in tag.others(changes))


def find(source: Source, begin: int) -> Tail:
    """The tags at a file's end.

    Args:
        source: The file.
        begin: The earliest place where they may begin.

    Raises:
        TagError: There is one, but it is damaged.
    """
    tags: list[_Tag] = []
    end = source.size
    while len(tags) < _MOST and (tag := _ending_at(source, begin, end, tags)):
        tags.append(tag)
        end = tag.begin
    return Tail(source, end, tuple(reversed(tags)))


def _ending_at(source: Source, begin: int, end: int, behind: list[_Tag]) -> _Tag | None:
    last = source.read(max(begin, end - _ENHANCED), min(_ENHANCED, end - begin))
    if ape := _apev2.ending_at(source, begin, end):
        return ape
    id3v1 = end - _id3v1.SIZE
    if id3v1 >= begin and source.read(id3v1, 3) == b"TAG" and not _is_ape(source, begin, id3v1 - 3):
        return Id3v1(source, id3v1)
    before_id3v1 = bool(behind) and isinstance(behind[-1], Id3v1)
    if before_id3v1 and len(last) == _ENHANCED and last.startswith(b"TAG+"):
        return _Kept(source, end - _ENHANCED, end)
    if last.endswith((_LYRICS_1_END, _LYRICS_2_END)):
        return _lyrics(source, begin, end, last)
    return _header_only(source, begin, end) if before_id3v1 or not behind else None


def _is_ape(source: Source, begin: int, at: int) -> bool:
    magic = _apev2.MAGIC  # it has "TAG" in it
    return at >= begin and source.read(at, len(magic)) == magic


def _lyrics(source: Source, begin: int, end: int, last: bytes) -> _Kept | None:
    if last.endswith(_LYRICS_2_END):
        digits = last[: -len(_LYRICS_2_END)][-_LYRICS_2_SIZE:]
        size = int(digits) if digits.isdigit() else 0
        at = end - len(_LYRICS_2_END) - _LYRICS_2_SIZE - size
    else:
        first = max(begin, end - len(_LYRICS_BEGIN) - _LYRICS_1_LONGEST - len(_LYRICS_1_END))
        near = source.read(first, end - first)
        at = first + near.rfind(_LYRICS_BEGIN) if _LYRICS_BEGIN in near else -1
    if at < begin or at + len(_LYRICS_BEGIN) > end:
        return None
    return _Kept(source, at, end) if source.read(at, 11) == _LYRICS_BEGIN else None


def _header_only(source: Source, begin: int, end: int) -> ApeTag | None:
    first = max(begin, end - _NEAR)
    near = source.read(first, end - first)
    at = near.rfind(_apev2.MAGIC)
    if at < 0 or len(near) - at < _apev2.EDGE:
        return None
    return _apev2.without_footer(source, first + at, end)
