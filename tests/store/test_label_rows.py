from __future__ import annotations

import sqlite3

import numpy as np

from msa_desktop.base.model import Embedding
from msa_desktop.store import writes
from msa_desktop.store.label_rows import LabelRows
from tests.store.shelf import Shelf


def hear(shelf: Shelf, track_id: int, encoder: str = "ear", **labels: list[float]) -> None:
    scores = {source: np.array(values, np.float32) for source, values in labels.items()}
    embedding = Embedding(encoder, "1", np.ones(2, np.float32), scores)
    shelf.writer.run(lambda conn: writes.store_analysis(conn, track_id, [embedding]))


def test_scores_come_end_to_end_and_by_id(shelf: Shelf) -> None:
    a, b, c, d = shelf.add("a.mp3", "b.mp3", "c.mp3", "d.mp3")
    hear(shelf, b, mtt=[0.75], msd=[0.25, 0.5])
    hear(shelf, a, msd=[0.125, 1])
    hear(shelf, c, other=[0.5])
    hear(shelf, d, mtt=[0.5, 0.5, 0.5])  # as another version might have
    rows = LabelRows(shelf.db, {"msd": 2, "mtt": 1})
    matrix = rows.read()
    assert matrix.ids.tolist() == [a, b]
    np.testing.assert_array_equal(matrix.scores, [[0.125, 1, np.nan], [0.25, 0.5, 0.75]])
    assert rows.read([b, c]).ids.tolist() == [b]
    empty = rows.read([])
    assert (empty.ids.tolist(), empty.scores.shape) == ([], (0, 3))


def test_more_rows_than_one_block(shelf: Shelf) -> None:
    ids = shelf.add(*(f"{n}.mp3" for n in range(8200)))

    def store(conn: sqlite3.Connection) -> None:
        for n, track_id in enumerate(ids):
            scores = np.array([n / 8200], np.float32)
            embedding = Embedding("ear", "1", np.ones(1, np.float32), {"msd": scores})
            writes.store_analysis(conn, track_id, [embedding])

    shelf.writer.run(store)
    matrix = LabelRows(shelf.db, {"msd": 1}).read()
    assert matrix.ids.tolist() == ids
    np.testing.assert_allclose(matrix.scores[:, 0], np.arange(8200) / 8200, rtol=1e-3)


def test_what_was_touched_since(shelf: Shelf) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    rows = LabelRows(shelf.db, {"msd": 1})
    for track_id in (a, b):
        hear(shelf, track_id, msd=[0.5])
    seen = rows.generation()
    assert rows.touched_after(seen) is not None
    hear(shelf, c, msd=[0.5])
    shelf.remove(a)
    touched = rows.touched_after(seen)
    assert touched is not None
    assert touched.tolist() == [a, c]
    assert rows.generation() > seen


def test_too_much_was_removed_to_remember(shelf: Shelf) -> None:
    seen = LabelRows(shelf.db, {"msd": 1}).generation()
    shelf.writer.run(
        lambda conn: conn.executemany(
            "INSERT INTO vector_removals (track_id, encoder, generation) VALUES (?, 'ear', ?)",
            [(n, seen + 1) for n in range(10_000)],
        )
    )
    assert LabelRows(shelf.db, {"msd": 1}).touched_after(seen) is None
