"""What gives a changed file its original bytes back, small because most of them are still in it.

A delta says how the original lies in the changed file: stretches to copy from there, and between
them the bytes that are no longer in it. It also holds a digest of what is new in the changed file.
With the original's SHA-256 that proves that the file is, to the byte, the one that was written.

Layout, little-endian: version (1 byte), CRC-32 of all that follows (4), sizes of the original and
of the changed file (8 + 8), digest of the new bytes (16), count of steps (4); then, as one zlib
stream, a pair for each step (offset in the changed file, or all ones for bytes held here; length;
8 + 8) and the held bytes, end to end.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator

from msa_desktop.tagio._base import Keep, Piece, Source, TagError
from msa_desktop.tagio._pieces import CHUNK, chunks, length_of

_VERSION = 1
_START = struct.Struct("<BI")
_HEAD = struct.Struct("<QQ16sI")
_STEP = struct.Struct("<QQ")
_HELD = 2**64 - 1


class Changed(TagError):  # noqa: N818 - a state of the world, and the word for it
    """The file is no longer the one that was written."""

    def __init__(self) -> None:
        super().__init__(
            "Another program has changed the file since it was written. To keep that and only get "
            "the former tags back, undo the fields only."
        )


def reverse(source: Source, pieces: tuple[Piece, ...]) -> bytes:
    """The delta that makes the source again out of the file that the pieces make of it."""
    kept: list[tuple[Keep, int, int]] = []
    new_size = 0
    for index, piece in enumerate(pieces):
        if isinstance(piece, Keep):
            kept.append((piece, new_size, index))
        new_size += length_of([piece])

    fresh = list(pieces)  # what no step copies
    steps: list[tuple[int, int]] = []
    held: list[Keep] = []
    position = 0

    def hold_until(offset: int) -> None:
        if offset > position:
            held.append(Keep(position, offset - position))
            steps.append((_HELD, offset - position))

    for piece, at, index in sorted(kept, key=lambda item: (item[0].offset, item[0].end)):
        hold_until(piece.offset)
        position = max(position, piece.offset)
        if piece.end > position:  # what is kept twice is copied from one of the two places
            steps.append((at + position - piece.offset, piece.end - position))
            fresh[index] = Keep(piece.offset, position - piece.offset)
            position = piece.end
    hold_until(source.size)

    packer = zlib.compressobj()
    packed = [packer.compress(b"".join(_STEP.pack(*step) for step in steps))]
    packed += map(packer.compress, chunks(source, held))
    head = _HEAD.pack(source.size, new_size, _digest(chunks(source, fresh)), len(steps))
    body = b"".join((head, *packed, packer.flush()))
    return _START.pack(_VERSION, zlib.crc32(body)) + body


def unpack(delta: bytes, new: Source) -> tuple[Piece, ...]:
    """The original, laid out as pieces of the changed file and bytes held in the delta.

    Args:
        delta: From `reverse`.
        new: The file as it was written.

    Raises:
        TagError: The delta is damaged.
        Changed: The file is not the one that was written.
    """
    try:
        version, checksum = _START.unpack_from(delta)
        body = memoryview(delta)[_START.size :]
        if version != _VERSION or zlib.crc32(body) != checksum:
            raise _damaged()
        size, new_size, digest, count = _HEAD.unpack_from(body)
        packed = _Packed(bytes(body[_HEAD.size :]))
        steps = list(_STEP.iter_unpack(packed.take(count * _STEP.size)))
        if sum(length for _, length in steps) != size:
            raise _damaged()
        pieces: list[Piece] = []
        for at, length in steps:
            if at == _HELD:
                pieces.append(packed.take(length))
            elif at + length <= new_size:
                pieces.append(Keep(at, length))
            else:
                raise _damaged()
        if not packed.is_at_end():
            raise _damaged()
    except (struct.error, zlib.error) as error:
        raise _damaged() from error
    if new.size != new_size or _digest(chunks(new, _between(pieces, new_size))) != digest:
        raise Changed
    return tuple(pieces)


def restore(delta: bytes, new: Source) -> Iterator[bytes]:
    """The original's bytes, in order and in bounded chunks; raises as `unpack` does."""
    return chunks(new, unpack(delta, new))


def _between(pieces: Iterable[Piece], size: int) -> Iterator[Keep]:
    """The stretches of the changed file that are not copied."""
    position = 0
    copied = (piece for piece in pieces if isinstance(piece, Keep))
    for piece in sorted(copied, key=lambda piece: piece.offset):
        yield Keep(position, piece.offset - position)
        position = piece.end
    yield Keep(position, size - position)


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


class _Packed:
    """A zlib stream, unpacked bit by bit: no more than was asked for is ever made of it."""

    def __init__(self, packed: bytes) -> None:
        self._rest = packed
        self._unpacker = zlib.decompressobj()

    def take(self, length: int) -> bytes:
        """Exactly so many bytes."""
        parts = []
        while length:
            part = self._some(min(length, CHUNK))
            if not part:
                raise _damaged()
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def is_at_end(self) -> bool:
        return not self._some(1) and self._unpacker.eof and not self._unpacker.unused_data

    def _some(self, length: int) -> bytes:
        part = self._unpacker.decompress(self._rest, length)
        self._rest = self._unpacker.unconsumed_tail
        return part


def _damaged() -> TagError:
    return TagError("What the history holds of this file is damaged: it cannot be undone.")
