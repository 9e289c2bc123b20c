from __future__ import annotations

from msa_desktop.base.model import TrackId
from msa_desktop.ui.history import History


def _visit(history: History, *ids: int, asked: bool) -> None:
    for track_id in ids:
        history.visit(TrackId(track_id), asked=asked)


def test_rows_passed_by_make_room_for_each_other() -> None:
    history = History()
    _visit(history, 1, 2, 3, asked=False)
    assert history.current == 3
    assert not history.can_go_back


def test_tracks_asked_for_stay_in_the_chain() -> None:
    history = History()
    _visit(history, 1, asked=False)
    _visit(history, 1, 7, 8, asked=True)
    _visit(history, 4, 5, asked=False)
    assert history.current == 5
    assert [history.back() for _ in range(4)] == [8, 7, 1, None]
    assert not history.can_go_back
    assert history.forward() == 7


def test_a_new_visit_forgets_what_lay_ahead() -> None:
    history = History()
    _visit(history, 1, 2, 3, asked=True)
    history.back()
    history.back()
    _visit(history, 9, asked=True)
    assert not history.can_go_forward
    assert history.back() == 1


def test_the_chain_does_not_grow_for_ever() -> None:
    history = History()
    _visit(history, *range(1000), asked=True)
    assert history.current == 999
    steps = 0
    while history.back() is not None:
        steps += 1
    assert 100 < steps < 500
