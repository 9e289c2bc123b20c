"""The vectors of a flat FAISS index file, read without FAISS.

FAISS's own reader builds whatever the file says, of any size and kind, in native code that was not
written for files from strangers. A flat index is a header and the vectors as they are, so only that
is read here. Source: faiss/impl/index_write.cpp, https://github.com/facebookresearch/faiss.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, display_path

# fourcc, dimension, count, two unused, is trained, metric; then how many numbers follow
_HEADER = struct.Struct("<4sIQQQ?IQ")
_METRICS = {b"IxFI": 0, b"IxF2": 1, b"IxFl": None}  # inner product, Euclidean, either
_MOST_DIMENSIONS = 1 << 16


def read(path: Path, most_bytes: int) -> FloatArray:
    """The vectors, shape (count, dimension).

    Args:
        path: An IndexFlatIP, IndexFlatL2 or IndexFlat, as `faiss.write_index` writes it.
        most_bytes: Of vectors; a file with more is refused before they are read.

    Raises:
        UserError: It cannot be read, is something else, too large, cut short or holds NaN.
    """
    shown = display_path(str(path))
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
            if header[:4] not in _METRICS:
                raise UserError(
                    f"{shown} is no flat FAISS index (IndexFlatIP or IndexFlatL2). Other kinds do "
                    "not hold the vectors as they were."
                )
            if len(header) < _HEADER.size:
                raise _damaged(shown)
            kind, dimension, count, _, _, _, metric, numbers = _HEADER.unpack(header)
            if (
                metric not in (0, 1)
                or _METRICS[kind] not in (None, metric)
                or not 0 < dimension <= _MOST_DIMENSIONS
                or count < 1
                or numbers != count * dimension
            ):
                raise _damaged(shown)
            if 4 * numbers > most_bytes:
                raise UserError(f"{shown} holds {count} vectors: more than a reference index may.")
            if path.stat().st_size != _HEADER.size + 4 * numbers:
                raise _damaged(shown)
            vectors = np.fromfile(file, "<f4", numbers).reshape(count, dimension)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from error
    if not np.isfinite(vectors).all():
        raise _damaged(shown)
    return vectors.astype(np.float32, copy=False)


def _damaged(shown: str) -> UserError:
    return UserError(f"{shown} is a damaged FAISS index. Download or copy it again.")
