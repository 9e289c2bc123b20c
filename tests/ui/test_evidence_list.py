from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from msa_desktop.base.model import TrackId
from msa_desktop.ui.evidence import Item, Kind
from msa_desktop.ui.evidence_list import EvidenceList


@pytest.fixture
def view(qtbot: QtBot) -> EvidenceList:
    """A neighbour of the library, and one of a reference index."""
    made = EvidenceList(())
    qtbot.addWidget(made)
    made.resize(300, 200)
    made.lines.show(
        [
            Item(Kind.NEIGHBOUR, "Mine", "Jazz", 0.9, track_id=TrackId(7)),
            Item(Kind.NEIGHBOUR, "Theirs", "Jazz", 0.8),
        ]
    )
    made.show()
    qtbot.waitExposed(made)
    return made


def test_only_what_is_in_the_library_is_played(view: EvidenceList) -> None:
    played: list[int] = []
    view.play_asked.connect(played.append)
    for row in (1, 0):
        place = view.visualRect(view.lines.index(row)).center()
        place.setX(view.visualRect(view.lines.index(row)).left() + 24)
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert played == [7]
    assert view.listed_ids().tolist() == [7]
    view.setCurrentIndex(view.lines.index(1))
    assert view.current_id() is None


def test_no_stranger_looks_as_if_it_played(view: EvidenceList) -> None:
    """Neither has an id while nothing plays, which does not make them the same."""

    def marks(row: int) -> set[int]:
        picture = view.viewport().grab().toImage()
        rect = view.visualRect(view.lines.index(row))
        return {
            picture.pixel(x, y)
            for x in range(rect.left() + 12, rect.left() + 34)
            for y in range(rect.top() + 2, rect.bottom() - 2)
        }

    view.mark_playing(None)
    assert len(marks(0)) > 1, "the play mark"
    assert len(marks(1)) == 1, "an empty place"
