"""Standardised vectors in memory, each known by its place: exact, or one bit a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.store.vector_standard import Standard

_QUERY_BITS = 4  # how finely a query is taken against the one-bit codes; 8 find no more


class VectorCodes:
    """What FAISS searches, laid out so that any row can be replaced or moved.

    Exact rows are float32. The others are RaBitQ codes: the sign of each dimension and two numbers
    that make of it an unbiased estimate of the inner product, 72 bytes where 512 dimensions are
    2,048. Nothing has to be trained, and a row's code does not depend on the others'.

    Source: Gao & Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
    for Approximate Nearest Neighbor Search", SIGMOD 2024; FAISS's IndexRaBitQ.

    Args:
        standard: What makes a row of a vector.
        exact: Whether rows are kept as they are.
        room: How many are expected, so that memory is taken once.
    """

    def __init__(self, standard: Standard, *, exact: bool, room: int = 0) -> None:
        self._faiss = _faiss()
        dimension = len(standard.mean)
        self.standard = standard
        self.exact = exact
        if exact:
            self._index: Any = self._faiss.IndexFlatIP(dimension)
        else:
            self._index = self._faiss.IndexRaBitQ(dimension, self._faiss.METRIC_INNER_PRODUCT)
            self._index.qb = _QUERY_BITS
            # Codes are taken from this centre: standardised rows lie around the origin.
            self._index.train(np.zeros((1, dimension), dtype=np.float32))
        self._resize(room)
        self._resize(0)  # the memory stays

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def kind(self) -> str:
        """What the codes mean; those of another kind are not to be loaded."""
        return "exact" if self.exact else f"RaBitQ, FAISS {self._faiss.__version__}"

    @property
    def codes(self) -> NDArray[np.uint8]:
        """FAISS's own memory, shape (n, bytes a row); not to be kept: adding may move it."""
        shape = (len(self), int(self._index.code_size))
        if not len(self):
            return np.empty(shape, dtype=np.uint8)
        held: NDArray[np.uint8] = self._faiss.rev_swig_ptr(
            self._index.codes.data(), shape[0] * shape[1]
        )
        return held.reshape(shape)

    @property
    def rows(self) -> FloatArray:
        """Exact rows, shape (n, dimension); as `codes`, not to be kept."""
        return self.codes.view(np.float32)

    def search(self, wanted: FloatArray, k: int) -> tuple[FloatArray, NDArray[np.int64]]:
        """The places of the k rows with the greatest (estimated) inner products, best first."""
        found, places = self._index.search(wanted[np.newaxis], k)
        return found[0], places[0]

    def add(self, values: FloatArray) -> None:
        """Adds vectors, as the encoder gave them, at the end."""
        self._index.add(self.standard.rows(values))

    def replace(self, places: Sequence[int], values: FloatArray) -> None:
        """Puts vectors, as the encoder gave them, into places."""
        self.codes[places] = self._index.sa_encode(self.standard.rows(values))

    def load(self, codes: NDArray[np.uint8]) -> None:
        """Takes over codes kept from before, in place of all rows.

        Raises:
            ValueError: They are not codes of such vectors.
        """
        if codes.dtype != np.uint8 or codes.shape[1:] != (self._index.code_size,):
            raise ValueError("its rows are of another length")
        self._resize(len(codes))
        self.codes[:] = codes

    def differ(self, places: Sequence[int], values: FloatArray) -> NDArray[np.bool_]:
        """Whether what is at some places was not made from these vectors; rounding aside."""
        rows = self.standard.rows(values)
        if self.exact:
            same = np.isclose(self.rows[places], rows, atol=1e-4).all(axis=1)
            return np.logical_not(same)
        # Rounding may turn single bits and the two numbers; another vector changes most bytes.
        changed = np.mean(self.codes[places] != self._index.sa_encode(rows), axis=1)
        return np.asarray(changed > 0.5, dtype=np.bool_)

    def cut(self, end: int) -> None:
        """Drops the rows from `end` on."""
        self._resize(end)

    def _resize(self, count: int) -> None:
        self._index.codes.resize(count * self._index.code_size)
        self._index.ntotal = count


def _faiss() -> Any:
    # Imported at first use: the window and most commands start without it.
    import faiss  # noqa: PLC0415

    # One query is one pass over memory; a second thread only adds its start. Measured at 100,000
    # rows on two cores: 4.5 ms with one thread, 27 ms with two while other work runs.
    faiss.omp_set_num_threads(1)
    return faiss
