"""MP3 and its kin: sound with an ID3v2 tag before it, and perhaps other tags behind it.

Also ADTS (AAC without a container) and True Audio, which are tagged the same way. A file that has
nothing but an APE tag keeps to it: readers that find an ID3v2 tag would no longer look at all else
that it says. Source of the frames' headers: ISO/IEC 11172-3 and 13818-3 (MPEG audio), 13818-7
(ADTS).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import _id3v2, _tail
from msa_desktop.tagio._base import Edit, Keep, Source
from msa_desktop.tagio._id3v2 import Id3v2
from msa_desktop.tagio._pieces import content, merged, named
from msa_desktop.tagio._tail import Tail

NAME = "MP3"
EXTENSIONS = frozenset({".mp3", ".mp2", ".mpga", ".aac", ".tta"})

_MOST_TAGS = 16  # at a file's head
_TRUE_AUDIO = b"TTA1"
_OTHERS = (
    b"fLaC", b"OggS", b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"FRM8", b"wvpk", b"MAC ",
    b"MPCK", b"MP+", b"DSD ", b"OFR ", b"tBaK", b"caff", b"\x30\x26\xb2\x75", b"\x1a\x45\xdf\xa3",
)  # fmt: skip
"""How files of other formats begin, of which some may have an ID3v2 tag before them."""

# Kilobits a second by (version 1?, layer), the index counting from 1.
_RATES = {
    (True, 1): range(32, 449, 32),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)
_ADTS_RATES = 13


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the parts of a file lie.

    Attributes:
        tag: The ID3v2 tag; where there are several in a row, the first, which is the one that
            readers read.
        sound: Where the sound begins.
        tail: The tags behind it.
        ape: Whether an APE tag there is the one that readers read: there is no ID3v2.
    """

    tag: Id3v2 | None
    sound: int
    tail: Tail
    ape: bool

    @property
    def tag_end(self) -> int:
        """The first byte behind the tag."""
        return 0 if self.tag is None else self.tag.end


def knows(source: Source) -> bool:
    """Whether this is such a file, by its content."""
    begin = _sound_begin(source)
    if begin >= source.size:
        return begin > 0  # a tag and no more, or one that is cut off
    head = source.read(begin, min(4096, source.size - begin))
    if head.startswith(_OTHERS) or head[4:8] == b"ftyp":
        return False
    return begin > 0 or head.startswith(_TRUE_AUDIO) or _has_frames(source, head)


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """Every tag that the file has: those of ID3v2, else of the tags behind the sound."""
    layout = _layout(source)
    found = layout.tail.read()
    return found if layout.tag is None else found | _id3v2.read(source, layout.tag)


def edit(source: Source, changes: FieldValues) -> Edit:
    """Lays out the file with some tags changed; one with neither ID3v2 nor APE gets ID3v2."""
    layout = _layout(source)
    tail = layout.tail.edit(changes, create=layout.ape)
    wanted = {} if layout.ape else dict(changes)
    if layout.tag is None and any(wanted.values()):
        wanted = _carried(layout.tail, changes) | wanted
    tag = _id3v2.edit(source, layout.tag, wanted, comment=layout.tail.comment)
    frames = tag.frames + tail.frames
    if not frames:
        return Edit((Keep(0, source.size),), ())
    between = Keep(layout.tag_end, layout.tail.begin - layout.tag_end)
    return Edit(merged([*tag.pieces, between, *tail.pieces]), frames)


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """The stretch between the tags."""
    layout = _layout(source)
    if layout.tail.begin > layout.sound:
        yield layout.sound, layout.tail.begin - layout.sound


def others(source: Source, changes: FieldValues) -> dict[str, bytes]:
    """Everything in the tags that `changes` does not speak of."""
    layout = _layout(source)
    found: dict[str, bytes] = {}
    if layout.tag is not None:
        found = _id3v2.others(source, layout.tag, changes)
    elif not layout.ape:
        found = _id3v2.others_of_new(_carried(layout.tail, changes), layout.tail.comment)
    further = content(source, layout.tag_end, layout.sound - layout.tag_end)
    tail = layout.tail.others(changes)
    return named([*found.items(), ("further ID3v2", further), *tail.items()])


def _layout(source: Source) -> _Layout:
    tag = _id3v2.parse(source, 0, source.size)
    begin = min(_sound_begin(source), source.size)
    tail = _tail.find(source, begin)
    return _Layout(tag, begin, tail, ape=tag is None and tail.has_ape)


def _sound_begin(source: Source) -> int:
    """Behind all ID3v2 tags; past the file's end where the first is cut off."""
    begin = 0
    for _ in range(_MOST_TAGS):
        length = _id3v2.length_at(source, begin)
        if not length or (begin and begin + length > source.size):
            break
        begin += length
    return begin


def _carried(tail: Tail, changes: FieldValues) -> dict[Field, tuple[str, ...]]:
    """What a new ID3v2 tag must say besides: readers that find one look at no other tag."""
    return {field: values for field, values in tail.read().items() if field not in changes}


def _has_frames(source: Source, head: bytes) -> bool:
    """Whether frames of sound follow each other, perhaps behind some bytes of something else."""
    at = head.find(b"\xff")
    while 0 <= at < len(head) - 4:
        # By chance, three in a row are nowhere.
        if _run(source, at) >= (3 if at else 2):
            return True
        at = head.find(b"\xff", at + 1)
    return False


def _run(source: Source, begin: int) -> int:
    """How many frames of one kind follow each other from a place on: 3 at most."""
    first = source.read(begin, 4)
    kind = _kind(first)
    at = begin
    for count in range(3):
        if at + 7 > source.size:
            # Only one that ends the file is whole.
            return 3 if at == source.size and count else count
        header = source.read(at, 7)
        length = _frame_length(header)
        if not length or _kind(header) != kind:
            return count
        at += length
    return 3


def _kind(header: bytes) -> tuple[int, int]:
    """What is the same in all frames of a file: version, layer and sampling rate."""
    return header[1] & 0xFE, header[2] & (0x3C if _is_adts(header) else 0x0C)


def _is_adts(header: bytes) -> bool:
    return header[1] & 0xF6 == 0xF0


def _frame_length(header: bytes) -> int:
    """Bytes of the frame that begins with these 7; 0 where none does."""
    if header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    if _is_adts(header):
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return length if length >= 7 and header[2] >> 2 & 15 < _ADTS_RATES else 0
    version, layer = (
        header[1] >> 3 & 3,
        4 - (header[1] >> 1 & 3),
    )  # version 3 is 1, 2 is 2, 0 is 2.5
    rate, frequency = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or not 0 < rate < 15 or frequency == 3:
        return 0
    first = version == 3
    bits = 1000 * _RATES[first, layer][rate - 1]
    hertz = _SAMPLE_RATES[frequency] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (144 if first or layer == 2 else 72) * bits // hertz + padding
