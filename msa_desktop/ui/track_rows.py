"""What the short lists of tracks share: playing, the menu, and telling where the keyboard is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPoint,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QContextMenuEvent, QFocusEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from msa_desktop.base.model import TrackId
from msa_desktop.ui.actions import menu_place
from msa_desktop.ui.lazy_rows import Ids
from msa_desktop.ui.paint import Index


class TrackRows(QAbstractListModel):
    """Rows of which all, or some, are tracks.

    Attributes:
        playing: The track in the player.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.playing: TrackId | None = None

    def track_at(self, row: int) -> TrackId | None:
        """The track that a row stands for, if it can be played."""
        raise NotImplementedError

    def is_playing(self, row: int) -> bool:
        """Whether a row's track is in the player."""
        return self.playing is not None and self.track_at(row) == self.playing


class TrackRowList(QListView):
    """Shows `TrackRows`. Its delegate is a `TrackRowDelegate`.

    Args:
        name: What it lists, for a screen reader.
        rows: What it shows; it becomes its own.
        actions: Whose keys work here.

    Signals:
        current_changed: The selected track that the keyboard acts on, or None.
        play_asked: A track (its id) was double-clicked, or its play mark clicked.
        focused: The keyboard came here.
        menu_asked: The selected tracks' menu is wanted at this place of the screen.
    """

    current_changed = Signal(object)
    play_asked = Signal(int)
    focused = Signal()
    menu_asked = Signal(QPoint)

    def __init__(
        self, name: str, rows: TrackRows, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.rows = rows
        self._announced: TrackId | None = None
        rows.setParent(self)
        self.setModel(rows)
        self.addActions(actions)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(self._play)
        self.selectionModel().selectionChanged.connect(self._announce)
        rows.modelReset.connect(self._announce)

    def selected_ids(self) -> list[TrackId]:
        """The selected tracks, top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [track for row in rows if (track := self.rows.track_at(row)) is not None]

    def current_id(self) -> TrackId | None:
        """The track that the keyboard acts on."""
        index = self.currentIndex()
        return self.rows.track_at(index.row()) if index.isValid() else None

    def listed_ids(self) -> Ids:
        """Every track of the list, each once, in order."""
        tracks = map(self.rows.track_at, range(self.rows.rowCount()))
        return np.array(list(dict.fromkeys(one for one in tracks if one is not None)), np.int64)

    def mark_playing(self, track_id: TrackId | None) -> None:
        """Says which track is in the player, so that its row can show it."""
        self.rows.playing = track_id
        self.viewport().update()

    def play_row(self, row: int) -> bool:
        """Asks for a row's track to be played; False where it is none."""
        track_id = self.rows.track_at(row)
        if track_id is not None:
            self.play_asked.emit(track_id)
        return track_id is not None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the tracks' menu."""
        at = menu_place(self, event)
        if at is not None and self.selected_ids():
            self.menu_asked.emit(at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard is here."""
        super().focusInEvent(event)
        self.focused.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Has every row measured anew: how high it is may depend on the width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.scheduleDelayedItemsLayout()

    def _play(self, index: QModelIndex) -> None:
        self.play_row(index.row())

    def _announce(self) -> None:
        """Only a selected track counts: Qt makes the first one current when the keyboard comes."""
        selected = self.selectionModel().isSelected(self.currentIndex())
        track_id = self.current_id() if selected else None
        if track_id != self._announced:
            self._announced = track_id
            self.current_changed.emit(track_id)


class TrackRowDelegate(QStyledItemDelegate):
    """Has a click on the play mark, at the left of a row, play the track.

    Args:
        view: What it paints for.
        slot: How wide the place of the mark is, in pixels.
    """

    def __init__(self, view: TrackRowList, slot: int) -> None:
        super().__init__(view)
        self._list = view
        self._slot = slot

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Plays when the play mark is clicked."""
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and event.position().x() < option.rect.left() + self._slot
            and self._list.play_row(index.row())
        ):
            return True
        return super().editorEvent(event, model, option, index)

    def has_keyboard(self, index: Index) -> bool:
        """Whether the keyboard acts on this row now."""
        return self._list.hasFocus() and index == self._list.currentIndex()
