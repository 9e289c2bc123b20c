"""Pieces of a file read as if they were one: a change that is only laid out, or its sound alone."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import accumulate

from msa_desktop.tagio._base import Format, Keep, Piece, Source, TagError
from msa_desktop.tagio._pieces import length_of

_SAMPLES, _SAMPLE = 32, 2**13  # stretches of a sound that tell it from any other; bytes of each


class Laid(Source):
    """A file that was laid out and not made.

    Args:
        source: The original.
        pieces: The changed file.
    """

    def __init__(self, source: Source, pieces: tuple[Piece, ...]) -> None:
        self._source = source
        self._pieces = pieces
        self._starts = list(accumulate((length_of([piece]) for piece in pieces), initial=0))
        self.size = self._starts[-1]

    def read(self, offset: int, length: int) -> bytes:
        """As of a `Source`."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise TagError("The file would end in the middle of its tags.")
        parts = []
        end = offset + length
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            piece, start = self._pieces[index], self._starts[index]
            inside, upto = offset - start, min(end, self._starts[index + 1]) - start
            if isinstance(piece, Keep):
                parts.append(self._source.read(piece.offset + inside, upto - inside))
            else:
                parts.append(piece[inside:upto])
            offset = start + upto
            index += 1
        return b"".join(parts)


def sound_of(known: Format, source: Source) -> bytes:
    """What tells a file's sound from any other, whatever its tags: 16 bytes.

    A digest of its length and of pieces from all over it: all of it would take as long as all else
    that a write does.
    """
    sound = Laid(source, tuple(Keep(*stretch) for stretch in known.sound(source)))
    digest = hashlib.blake2b(sound.size.to_bytes(8, "little"), digest_size=16)
    last = max(0, sound.size - _SAMPLE)
    for at in sorted({last * number // (_SAMPLES - 1) for number in range(_SAMPLES)}):
        digest.update(sound.read(at, min(_SAMPLE, sound.size)))
    return digest.digest()
