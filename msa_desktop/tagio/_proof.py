"""Proves that a changed file is what was meant, and nothing else."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from types import SimpleNamespace

from msa_desktop.base.fields import FACTS, Field, FieldValues, same
from msa_desktop.base.model import display_path
from msa_desktop.tagio._base import Format, Keep, Piece, Source, TagError
from msa_desktop.tagio._copy import changed_just_now
from msa_desktop.tagio._delta import Changed, unpack
from msa_desktop.tagio._pieces import CHUNK, chunks, length_of, merged, sha256_of

_log = logging.getLogger(__name__)

_TOLERANCES = {
    Field.BPM: 0.5,  # some formats hold whole numbers only
    Field.TRACK_GAIN: 0.005,  # Opus counts in steps
}
_COUNTED = (Field.TRACK, Field.DISC)


def says(tags: FieldValues, wanted: FieldValues) -> bool:
    """Whether a file with these tags says what it was to say."""
    return all(_is_equal_value(field, tags.get(field, ()), wanted[field]) for field in wanted)


def prove(
    original_handle: int,
    copy_handle: int,
    *,
    name: str,
    known: Format,
    wanted: FieldValues,
    delta: bytes,
    sha256: bytes,
) -> dict[Field, tuple[str, ...]]:
    """Tries a changed file before it takes the old one's place.

    Args:
        original_handle: The file.
        copy_handle: The changed one.
        name: The file's name.
        known: Its format.
        wanted: What the tags that were to change shall say.
        delta: What makes the original of the changed one again.
        sha256: The file's digest when the change was laid out.

    Returns:
        All tags of the changed file.

    Raises:
        TagError: It is not what was meant, or something else as well, or could not be undone.
    """
    original, copy = Source(original_handle), Source(copy_handle)
    if not known.knows(copy):
        raise _unproved("it would no longer be recognised")
    try:
        back = unpack(delta, copy)
    except Changed as error:
        raise _unproved("it could not be undone") from error
    digest, whole = hashlib.sha256(), [Keep(0, original.size)]
    undoes = _is_equal(original, whole, copy, back, digest.update)
    found = digest.digest() if undoes else sha256_of(chunks(original, whole))
    if found != sha256:
        raise changed_just_now()  # though its size and times say nothing
    if not undoes:
        raise _unproved("it could not be undone")
    if not _is_same_sound(known, original, copy, back):
        raise _unproved("its sound would not be the same")
    if dict(known.others(original, wanted)) != dict(known.others(copy, wanted)):
        raise _unproved("its other tags would not be the same")
    tags, former = known.read(copy), known.read(original)
    if not says(tags, wanted):
        raise _unproved("the new tags would not read back as they were meant")
    if any(
        tags.get(field) != former.get(field) for field in (tags | former).keys() - wanted.keys()
    ):
        raise _unproved("tags that were not to change would")
    if not _opens(copy_handle, name) and _opens(original_handle, name):
        raise _unproved("other programs could not open it")
    return tags


def _unproved(reason: str) -> TagError:
    return TagError(
        f"The changed file was tried before it took the old one's place: {reason}. The old one is "
        "as it was; please report this."
    )


def _is_equal_value(field: Field, says: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether a tag reads back as it was meant, as far as its format can hold it.

    ID3v2.3 joins several artists in one text; MP4 keeps tracks and tempo as whole numbers, Opus
    the gain as a number of steps.
    """
    is_joined = len(wanted) > 1 and says == ("; ".join(wanted),)
    if says == wanted or is_joined or (FACTS[field].listed and same(field, says, wanted)):
        return True
    if len(says) != 1 or len(wanted) != 1:
        return False
    try:
        if field in _TOLERANCES:
            one, other = (float(text.removesuffix(" dB")) for text in (says[0], wanted[0]))
            return abs(one - other) <= _TOLERANCES[field]
        if field in _COUNTED:
            return [*map(int, says[0].split("/"))] == [*map(int, wanted[0].split("/"))]
    except ValueError:
        return False
    return False


def _is_same_sound(known: Format, original: Source, copy: Source, back: tuple[Piece, ...]) -> bool:
    """Whether the stretches of sound hold the same bytes.

    Args:
        known: The format of both.
        original: The file.
        copy: The changed one.
        back: The original as pieces of the copy, compared already: what went from one stretch of
            sound to the other as it was need not be read again.
    """
    sound, copied = ([Keep(*extent) for extent in known.sound(file)] for file in (original, copy))
    there = _carried(sound, back)
    if there is not None and merged(there) == merged(copied):
        return True
    return _is_equal(original, sound, copy, copied)


def _carried(stretches: Iterable[Keep], back: tuple[Piece, ...]) -> list[Keep] | None:
    """Where stretches of the original lie in the copy; None where some of it does not."""
    starts = list(accumulate((length_of([piece]) for piece in back), initial=0))
    there: list[Keep] = []
    for stretch in stretches:
        offset = stretch.offset
        while offset < stretch.end:
            index = bisect_right(starts, offset) - 1
            piece = back[index] if index < len(back) else b""
            if not isinstance(piece, Keep):
                return None
            inside = offset - starts[index]
            length = min(stretch.end - offset, piece.length - inside)
            there.append(Keep(piece.offset + inside, length))
            offset += length
    return there


def _is_equal(
    one: Source,
    pieces: Iterable[Piece],
    other: Source,
    others: Iterable[Piece],
    on_bytes: Callable[[bytes], object] = lambda _: None,
) -> bool:
    """Whether pieces of two files hold the same bytes, however they are cut.

    Args:
        one: A file.
        pieces: What of it is compared.
        other: The other file.
        others: What of that.
        on_bytes: Told of the bytes as they are found equal.
    """
    left, right = (
        deque(piece for piece in made if length_of([piece])) for made in (pieces, others)
    )
    while left and right:
        length = min(length_of([left[0]]), length_of([right[0]]), CHUNK)
        taken = _taken(one, left, length)
        if taken != _taken(other, right, length):
            return False
        on_bytes(taken)
    return not left and not right


def _taken(source: Source, pieces: deque[Piece], length: int) -> bytes:
    """So many bytes of the first piece, which gets shorter."""
    piece = pieces.popleft()
    if isinstance(piece, Keep):
        taken = source.read(piece.offset, length)
        rest: Piece = Keep(piece.offset + length, piece.length - length)
    else:
        taken, rest = piece[:length], piece[length:]
    if length_of([rest]):
        pieces.appendleft(rest)
    return taken


class _Named(io.FileIO):
    """A file that mutagen takes for one of another name: it also goes by extensions."""

    def __init__(self, handle: int, name: str) -> None:
        super().__init__(handle, closefd=False)
        self.name = name


def _unpacks_nothing(_packed: bytes) -> bytes:
    raise zlib.error("nothing is unpacked here")


def _opens(handle: int, name: str) -> bool:
    """Whether mutagen, which knows nothing of how this program writes, opens the file."""
    # Only a write needs them: they take 0.05 s.
    import mutagen  # noqa: PLC0415
    from mutagen.aac import AAC  # noqa: PLC0415
    from mutagen.id3 import _frames as id3_frames  # noqa: PLC0415

    # It unpacks compressed ID3 frames without a bound: a few MB could become more than the memory.
    # So it passes over them, as over any frame that it cannot read.
    vars(id3_frames)["zlib"] = SimpleNamespace(error=zlib.error, decompress=_unpacks_nothing)
    # Left to itself it takes ADTS behind an ID3 tag for MP3.
    kinds = [AAC] if name.lower().endswith(".aac") else None
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        with io.BufferedReader(_Named(handle, name)) as file:
            return mutagen.File(file, options=kinds) is not None
    except Exception:
        # On a damaged file it fails in more ways than its own.
        _log.debug("mutagen cannot open %s", display_path(name), exc_info=True)
        return False
