from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Decision, TrackProposals
from msa_desktop.store import proposals
from msa_desktop.store.proposals import ProposalReader, ReviewOrder
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.lazy_rows import PAGE
from msa_desktop.ui.review_model import ReviewModel, ReviewQuery
from tests.ui.conftest import Fill, Propose


class _Witness(ProposalReader):
    """Notes what is read, and in which thread."""

    def __init__(self, app: App) -> None:
        super().__init__(app.database, app.tracks)
        self.threads: set[threading.Thread] = set()
        self.fetched = 0

    def get_many(self, ids: Sequence[int] | NDArray[np.int64]) -> list[TrackProposals]:
        self.threads.add(threading.current_thread())
        self.fetched += len(ids)
        return super().get_many(ids)


@pytest.fixture
def reader(app: App) -> _Witness:
    return _Witness(app)


@pytest.fixture
def model(reader: _Witness, background: Background) -> ReviewModel:
    return ReviewModel(reader, background)


def _ask(qtbot: QtBot, model: ReviewModel, query: ReviewQuery | None = None) -> None:
    with qtbot.waitSignal(model.shown):
        model.ask(query or ReviewQuery())


def _array(*ids: TrackId) -> NDArray[np.int64]:
    return np.array(ids, np.int64)


def test_pages_come_in_the_background_when_they_are_looked_at(
    qtbot: QtBot, fill: Fill, propose: Propose, reader: _Witness, model: ReviewModel
) -> None:
    propose(fill(3 * PAGE, heard=0), Field.GENRE, "Jazz")
    _ask(qtbot, model)
    assert model.rowCount() == 3 * PAGE
    assert reader.fetched == PAGE
    last = 3 * PAGE - 1
    assert model.entry(last) is None
    with qtbot.waitSignal(model.resized) as resized:
        pass
    assert resized.args is not None
    assert last in resized.args[0]
    assert model.entry(last) is not None
    assert reader.fetched == 2 * PAGE
    assert threading.main_thread() not in reader.threads


def test_the_queue_has_an_order_and_filters(
    qtbot: QtBot, fill: Fill, propose: Propose, model: ReviewModel
) -> None:
    ids = fill(4, heard=0)
    propose(ids[:2], Field.GENRE, "Jazz", confidence=0.6)
    propose(ids[2:], Field.MOOD, "calm", confidence=0.9)
    propose(ids[:1], Field.MOOD, "calm", confidence=0.7)
    _ask(qtbot, model)
    assert set(model.ids[:2].tolist()) == set(ids[2:]), "the surest first"
    _ask(qtbot, model, ReviewQuery(ReviewOrder.FOLDER))
    assert model.ids.tolist() == ids
    _ask(qtbot, model, ReviewQuery(ReviewOrder.FOLDER, field=Field.GENRE))
    assert model.ids.tolist() == ids[:2]
    entry = model.entry(0)
    assert entry is not None
    assert [line.proposal.field for line in entry.lines] == [Field.GENRE]
    _ask(qtbot, model, ReviewQuery(words="title 003"))
    assert model.ids.tolist() == [ids[3]]


def test_a_decision_shows_at_once_and_what_was_read_before_does_not_undo_it(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, model: ReviewModel
) -> None:
    ids = fill(4, heard=0)
    propose(ids, Field.GENRE, "Jazz")
    propose(ids[:1], Field.MOOD, "calm")
    _ask(qtbot, model, ReviewQuery(ReviewOrder.FOLDER))

    genre = frozenset([Field.GENRE])
    held = [model.decided(_array(ids[0]), genre, accepted=True)]
    entry = model.entry(0)
    assert entry is not None
    assert [line.is_open for line in entry.lines] == [False, True], "the mood is still open"
    held.append(model.decided(_array(ids[1]), None, accepted=True))
    held.append(model.decided(_array(ids[2]), None, accepted=False))
    assert model.ids.tolist() == [ids[0], ids[3]]

    with qtbot.waitSignal(model.shown):
        model.reload()  # the database does not know yet
    assert model.ids.tolist() == [ids[0], ids[3]]

    app.writer.run(lambda c: proposals.decide(c, ids[:1], genre, Decision.ACCEPTED))
    app.writer.run(lambda c: proposals.decide(c, ids[1:2], None, Decision.ACCEPTED))
    app.writer.run(lambda c: proposals.reject(c, ids[2:3], None))
    for gone in held:
        model.settle(gone)
    with qtbot.waitSignal(model.shown):
        pass
    assert model.ids.tolist() == [ids[0], ids[3]]


def test_a_decision_that_was_not_stored_comes_back(
    qtbot: QtBot, fill: Fill, propose: Propose, model: ReviewModel
) -> None:
    ids = fill(3, heard=0)
    propose(ids, Field.GENRE, "Jazz")
    _ask(qtbot, model, ReviewQuery(ReviewOrder.FOLDER))
    gone = model.decided(_array(*ids), None, accepted=True)
    assert model.rowCount() == 0
    with qtbot.waitSignal(model.shown):
        model.settle(gone)
    assert model.ids.tolist() == ids


def test_thousands_leave_with_one_step(
    qtbot: QtBot, fill: Fill, propose: Propose, model: ReviewModel
) -> None:
    ids = fill(2 * PAGE, heard=0)
    propose(ids, Field.GENRE, "Jazz")
    _ask(qtbot, model)
    with qtbot.waitSignal(model.modelReset):
        model.decided(model.ids, None, accepted=True)
    assert model.rowCount() == 0, "also those that were never looked at"


def test_what_is_accepted_is_shown_where_it_is_asked_for(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, model: ReviewModel
) -> None:
    ids = fill(3, heard=0)
    propose(ids, Field.GENRE, "Jazz")
    app.writer.run(lambda c: proposals.decide(c, ids[:1], None, Decision.ACCEPTED))
    _ask(qtbot, model)
    assert sorted(model.ids.tolist()) == ids[1:]
    _ask(qtbot, model, replace(model.query, decision=Decision.ACCEPTED))
    assert model.ids.tolist() == ids[:1]
    _ask(qtbot, model, replace(model.query, decision=None))
    assert model.rowCount() == 3
    assert "accepted" in str(model.data(model.index(0, 0), 11))  # AccessibleTextRole


def test_the_model_keeps_qts_rules(
    qtbot: QtBot, fill: Fill, propose: Propose, model: ReviewModel, qtmodeltester: object
) -> None:
    propose(fill(3, heard=0), Field.GENRE, "Jazz")
    _ask(qtbot, model)
    qtmodeltester.check(model)  # type: ignore[attr-defined]
