from __future__ import annotations

import struct
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.store import faiss_flat

MOST = 1_000_000


@pytest.fixture(scope="module")
def vectors() -> FloatArray:
    return np.random.default_rng(1).standard_normal((300, 8)).astype(np.float32)


def written(index: faiss.Index, path: Path) -> Path:
    faiss.write_index(index, str(path))
    return path


@pytest.mark.parametrize("kind", [faiss.IndexFlatIP, faiss.IndexFlatL2])
def test_what_faiss_wrote_is_read(kind: type, vectors: FloatArray, tmp_path: Path) -> None:
    index = kind(8)
    index.add(vectors)
    found = faiss_flat.read(written(index, tmp_path / "x.faiss"), MOST)
    np.testing.assert_array_equal(found, vectors)


@pytest.mark.parametrize("kind", ["IVF4,Flat", "HNSW8", "PQ4", "IDMap,Flat", "SQ8"])
def test_other_kinds_are_refused(kind: str, vectors: FloatArray, tmp_path: Path) -> None:
    index = faiss.index_factory(8, kind)
    index.train(vectors)
    ids = np.arange(len(vectors))
    if kind.startswith("IDMap"):
        index.add_with_ids(vectors, ids)
    else:
        index.add(vectors)
    with pytest.raises(UserError, match="no flat FAISS index"):
        faiss_flat.read(written(index, tmp_path / "x.faiss"), MOST)


def test_a_file_that_lies_is_refused(vectors: FloatArray, tmp_path: Path) -> None:
    index = faiss.IndexFlatIP(8)
    index.add(vectors)
    path = written(index, tmp_path / "x.faiss")
    good = path.read_bytes()

    def refused(data: bytes, words: str) -> None:
        path.write_bytes(data)
        with pytest.raises(UserError, match=words):
            faiss_flat.read(path, MOST)

    refused(good[:-1], "damaged")
    refused(good + b"\0", "damaged")
    refused(good[:20], "damaged")
    refused(b"", "no flat FAISS index")
    refused(good[:4] + struct.pack("<IQ", 8, 1 << 60) + good[16:], "damaged")
    huge = struct.pack("<4sIQQQ?IQ", b"IxFI", 8, 1 << 40, 0, 0, True, 0, 1 << 43)
    refused(huge + good[len(huge) :], "more than a reference index may")
    refused(good[:-4] + struct.pack("<f", np.nan), "damaged")
    with pytest.raises(UserError, match="cannot be read"):
        faiss_flat.read(tmp_path / "nowhere", MOST)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 45))
def test_no_header_makes_it_stumble(noise: bytes, keep: int) -> None:
    import tempfile

    head = struct.pack("<4sIQQQ?IQ", b"IxF2", 2, 3, 0, 0, True, 1, 6)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(head[:keep] + noise)
        try:
            found = faiss_flat.read(path, MOST)
        except UserError:
            return
        assert found.size * 4 <= len(noise)
