"""The person's decisions on proposals: shown at once, stored in turn, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Signal

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import PROPOSED, Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Decision, Proposal
from msa_desktop.services.tagging import Tagging
from msa_desktop.ui import text
from msa_desktop.ui.lazy_rows import Ids
from msa_desktop.ui.review_list import ReviewList, Targets
from msa_desktop.ui.review_model import ReviewModel
from msa_desktop.ui.tag_service import TagService

_MOST_UNDONE = 200
_FEW = 50  # tracks whose proposals are read one by one


@dataclass(slots=True)
class Decided:
    """A decision, and what takes it back.

    Attributes:
        reopen: By tag, the tracks whose proposals were open before they were accepted.
        restore: Proposals as they were before they were rejected or edited.
        writable: Whether what was decided can be written, and be out of reach then.
    """

    reopen: dict[Field, list[TrackId]] = field(default_factory=dict)
    restore: tuple[Proposal, ...] = ()
    writable: bool = True

    @property
    def count(self) -> int:
        """How many proposals it was about."""
        return len(self.restore) + sum(map(len, self.reopen.values()))

    def first(self) -> TrackId | None:
        """A track to go back to."""
        ids = [made.track_id for made in self.restore[:1]]
        ids += [tracks[0] for tracks in self.reopen.values()]
        return ids[0] if ids else None


def _accept(targets: Targets, tagging: Tagging) -> Decided:
    ids: list[TrackId] = targets.ids.tolist()
    accept = partial(tagging.accept, ids, targets.fields)
    if len(ids) > _FEW:
        return _accepted_by(accept, tagging)
    found = (made for group in tagging.proposals.get_many(ids) for made in group.proposals)
    decided = Decided()
    for made in found:
        wanted = targets.fields is None or made.field in targets.fields
        if wanted and made.decision is Decision.OPEN:
            decided.reopen.setdefault(made.field, []).append(made.track_id)
    accept()
    return decided


def _accept_above(confidence: float, tagging: Tagging) -> Decided:
    return _accepted_by(partial(tagging.accept_above, confidence), tagging)


def _accepted_by(accept: Callable[[], object], tagging: Tagging) -> Decided:
    """Accepts many, and finds out which without reading the evidence of each."""
    before = _open_ones(tagging)
    accept()
    after = _open_ones(tagging)
    accepted = {tag: np.setdiff1d(ids, after[tag]).tolist() for tag, ids in before.items()}
    return Decided({tag: ids for tag, ids in accepted.items() if ids})


def _open_ones(tagging: Tagging) -> dict[Field, Ids]:
    return {tag: tagging.proposals.ids(decision=Decision.OPEN, field=tag) for tag in PROPOSED}


def _reject(targets: Targets, tagging: Tagging) -> Decided:
    ids: list[TrackId] = targets.ids.tolist()
    return Decided(restore=tagging.reject(ids, targets.fields), writable=False)


def _edit(track_id: TrackId, tag: Field, values: Sequence[str], tagging: Tagging) -> Decided:
    found = (made for group in tagging.proposals.get_many([track_id]) for made in group.proposals)
    before = tuple(made for made in found if made.field is tag)
    tagging.edit(track_id, tag, values)
    return Decided(restore=before)


def _take_back(decided: Decided, tagging: Tagging) -> None:
    for tag, ids in decided.reopen.items():
        tagging.reopen(ids, {tag})
    if decided.restore:
        tagging.restore(decided.restore)


class ReviewCommands(QObject):
    """Carries out the actions on proposals.

    Signals:
        said: A piece of news for the person.
        failed: What went wrong (an exception).
        undoable_changed: Whether there is a decision to take back.
        stored: A decision is stored.
    """

    said = Signal(str)
    failed = Signal(Exception)
    undoable_changed = Signal(bool)
    stored = Signal()

    def __init__(
        self,
        service: TagService,
        model: ReviewModel,
        view: ReviewList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._service = service
        self._model = model
        self._list = view
        self._decided: list[Decided] = []
        view.decide_asked.connect(self.decide)
        view.edited.connect(self._edit)

    def accept(self) -> None:
        """Accepts the line in focus, or the selected tracks."""
        self.decide(self._list.targets(), True)

    def reject(self) -> None:
        """Rejects the same."""
        self.decide(self._list.targets(), False)

    def accept_above(self, percent: int) -> None:
        """Accepts every open proposal that the program is this sure of."""
        work = partial(_accept_above, percent / 100)
        self._service.decide(work, partial(self._accepted_above, percent), self._failed_now)

    def decide(self, targets: Targets, accept: bool) -> None:
        """Accepts or rejects; the rows show it before it is stored."""
        if not len(targets.ids):
            return
        if self._service.problem:
            self.failed.emit(UserError(self._service.problem))
            return
        gone = self._model.decided(targets.ids, targets.fields, accepted=accept)
        work: Callable[[Tagging], Decided] = partial(_accept if accept else _reject, targets)
        self._service.decide(work, partial(self._stored, gone), partial(self._failed, gone))

    def take_back(self) -> None:
        """Takes the last decision back."""
        if self._decided:
            decided = self._decided.pop()
            self.undoable_changed.emit(bool(self._decided))
            work = partial(_take_back, decided)
            self._service.decide(work, partial(self._taken_back, decided), self._failed_now)

    def forget_written(self) -> None:
        """What was accepted is in the files now; the history takes that back."""
        self._decided = [decided for decided in self._decided if not decided.writable]
        self.undoable_changed.emit(bool(self._decided))

    def _edit(self, track_id: int, name: str, values: list[str]) -> None:
        work = partial(_edit, TrackId(track_id), Field(name), values)
        self._service.decide(work, self._done, self._failed_now)

    def _stored(self, gone: Ids, decided: Decided) -> None:
        self._model.settle(gone)
        self._done(decided)

    def _done(self, decided: Decided) -> None:
        if decided.count:
            self._decided = [*self._decided, decided][-_MOST_UNDONE:]
            self.undoable_changed.emit(True)
        self.stored.emit()

    def _accepted_above(self, percent: int, decided: Decided) -> None:
        self._model.reload()
        self._done(decided)
        some = text.count(decided.count, "proposal", "proposals")
        self.said.emit(f"{some} of {percent} % and more accepted.")

    def _taken_back(self, decided: Decided, _: None) -> None:
        self._model.reload()
        track_id = decided.first()
        if track_id is not None:
            self._list.go_to_soon(track_id)
        self.stored.emit()

    def _failed(self, gone: Ids, error: Exception) -> None:
        self._model.settle(gone)
        self._failed_now(error)

    def _failed_now(self, error: Exception) -> None:
        self._model.refresh_all()
        self.failed.emit(error)
