"""Pieces of a file: how long they are, what they hold, and fewer of the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from msa_desktop.tagio._base import Keep, Piece, Source

CHUNK = 2**18
"""Bytes read at once."""

_WHOLE = 1 << 16  # bytes; of anything longer the hash is compared


def length_of(pieces: Iterable[Piece]) -> int:
    """Bytes they have together."""
    return sum(piece.length if isinstance(piece, Keep) else len(piece) for piece in pieces)


def merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same bytes in as few pieces as possible."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if isinstance(piece, bytes):
            if isinstance(last, bytes):
                found[-1] = last + piece
            elif piece:
                found.append(piece)
        elif isinstance(last, Keep) and last.end == piece.offset:
            found[-1] = Keep(last.offset, last.length + piece.length)
        elif piece.length:
            found.append(piece)
    return tuple(found)


def chunks(source: Source, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes of the pieces; of those that are kept, `CHUNK` at most at a time.

    Raises:
        TagError: The source is shorter than a piece says.
    """
    for piece in pieces:
        if isinstance(piece, Keep):
            for offset in range(piece.offset, piece.end, CHUNK):
                yield source.read(offset, min(CHUNK, piece.end - offset))
        else:
            yield piece


def sha256_of(parts: Iterable[bytes]) -> bytes:
    """The digest of all parts, end to end: 32 bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def content(source: Source, offset: int, length: int) -> bytes:
    """A stretch of a file to compare: its bytes, or where it is long its SHA-256."""
    if length <= _WHOLE:
        return source.read(offset, length)
    return sha256_of(chunks(source, [Keep(offset, length)]))


def named(parts: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Each part by its name; a name that repeats is made unique with a number."""
    found: dict[str, bytes] = {}
    seen: dict[str, int] = {}
    for name, part in parts:
        seen[name] = seen.get(name, 0) + 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = part
    return found
