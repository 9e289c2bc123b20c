"""Which columns a table shows, how wide they are, and that together they fill it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

from msa_desktop.ui.columns import COLUMNS, Col

_BY_KEY = {column.key: col for col, column in COLUMNS.items()}

# A narrow table leaves these out, the first ones first, before it scrolls sideways.
_SPARE = (
    Col.STATE,
    Col.LOUDNESS,
    Col.GENRE,
    Col.YEAR,
    Col.KEY,
    Col.ALBUM,
    Col.BPM,
    Col.FOLDER,
)


class ColumnLayout(QObject):
    """Keeps one table's columns for one kind of list.

    Elastic columns share the width that the fixed ones leave, in the proportions the person gave
    them; dragging one's edge takes from the elastic columns to its right.

    Args:
        view: The table, its model set.
        columns: The columns shown at first.

    Signals:
        changed: The person chose other columns.
    """

    changed = Signal()

    def __init__(self, view: QTableView, columns: frozenset[Col]) -> None:
        super().__init__(view)
        self._view = view
        self._header = view.horizontalHeader()
        self._shown = set(columns)
        self._pinned: set[Col] = set()
        self._widths: dict[Col, float] = {col: spec.width for col, spec in COLUMNS.items()}
        self._order: list[Col] = list(Col)
        self._active = False
        self._busy = False
        self._header.sectionResized.connect(self._resized)
        self._header.sectionMoved.connect(self._moved)
        self._header.customContextMenuRequested.connect(self._choose)
        view.viewport().installEventFilter(self)

    def activate(self, active: bool) -> None:
        """Makes this layout the table's, or lets another one take over."""
        self._active = active
        if not active:
            return
        self._busy = True
        for place, col in enumerate(self._order):
            self._header.moveSection(self._header.visualIndex(col), place)
        self._busy = False
        self.fit()

    def fit(self) -> None:
        """Gives every column its width for the table's present one."""
        if not self._active:
            return
        room = self._view.viewport().width()
        shown = self._that_fit(room)
        fixed = sum(self._widths[col] for col in shown if not COLUMNS[col].elastic)
        elastic = [col for col in shown if COLUMNS[col].elastic]
        widths = _share(room - int(fixed), {col: self._widths[col] for col in elastic})
        self._busy = True
        for col in Col:
            hidden = col not in shown
            if self._header.isSectionHidden(col) != hidden:
                self._header.setSectionHidden(col, hidden)
            if not hidden:
                self._header.resizeSection(col, widths.get(col, int(self._widths[col])))
        self._busy = False

    def state(self) -> dict[str, Any]:
        """The layout for the saved window."""
        return {
            "shown": [COLUMNS[col].key for col in Col if col in self._shown],
            "pinned": [COLUMNS[col].key for col in Col if col in self._pinned],
            "order": [COLUMNS[col].key for col in self._order],
            "widths": {COLUMNS[col].key: round(width, 2) for col, width in self._widths.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a saved layout over; what it does not know of stays as it is.

        A column that came with a newer version stands where it does at first.
        """
        order = list(dict.fromkeys(_BY_KEY[k] for k in state.get("order", []) if k in _BY_KEY))
        new = [col for col in Col if col not in order]
        self._shown = (_cols(state.get("shown")) or self._shown) | self._shown.intersection(new)
        self._pinned = _cols(state.get("pinned"))
        for col in new:
            order.insert(order.index(Col(col - 1)) + 1 if col else 0, col)
        self._order = order
        for key, width in dict(state.get("widths", {})).items():
            if key in _BY_KEY and isinstance(width, int | float) and 1 <= width <= 4000:
                self._widths[_BY_KEY[key]] = float(width)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follows the table's width."""
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return super().eventFilter(watched, event)

    def _that_fit(self, room: int) -> set[Col]:
        shown = set(self._shown)
        for col in _SPARE:
            need = sum(
                COLUMNS[c].least if COLUMNS[c].elastic else int(self._widths[c]) for c in shown
            )
            if need <= room:
                break
            if col not in self._pinned:
                shown.discard(col)
        return shown

    def _resized(self, section: int, before: int, after: int) -> None:
        if self._busy or not self._active:
            return
        col = Col(section)
        if COLUMNS[col].elastic:
            self._take_from_the_right(col, after - before)
        else:
            self._widths[col] = max(40, after)
        self.fit()

    def _take_from_the_right(self, col: Col, growth: int) -> None:
        header = self._header
        elastic = [c for c in Col if COLUMNS[c].elastic and not header.isSectionHidden(c)]
        weight = sum(self._widths[c] for c in elastic)
        widths = {c: float(header.sectionSize(c)) for c in elastic}
        place = header.visualIndex(col)
        right = [c for c in elastic if header.visualIndex(c) > place]
        room = sum(widths[c] for c in right)
        if right and room - growth >= sum(COLUMNS[c].least for c in right):
            for other in right:
                widths[other] *= (room - growth) / room
        else:
            widths[col] -= growth
        # Back from pixels to shares, so that hidden columns keep their proportion to these.
        total = sum(widths.values())
        self._widths.update({c: width * weight / total for c, width in widths.items()})

    def _moved(self, *_: int) -> None:
        if self._busy or not self._active:
            return
        self._order = [Col(self._header.logicalIndex(place)) for place in range(len(COLUMNS))]
        self.changed.emit()

    def _choose(self, at: QPoint) -> None:
        if not self._active:
            return
        menu = QMenu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for col, spec in COLUMNS.items():
            action = menu.addAction(spec.title)
            action.setCheckable(True)
            action.setChecked(col in self._shown)
            action.setEnabled(col is not Col.TITLE)
            action.setData(int(col))
        menu.triggered.connect(self._toggle)
        menu.popup(self._header.mapToGlobal(at))

    def _toggle(self, action: QAction) -> None:
        col = Col(action.data())
        if action.isChecked():
            self._shown.add(col)
            self._pinned.add(col)
        else:
            self._shown.discard(col)
            self._pinned.discard(col)
        self.fit()
        self.changed.emit()


def _cols(keys: Any) -> set[Col]:
    return {_BY_KEY[key] for key in keys or () if key in _BY_KEY}


def _share(room: int, weights: dict[Col, float]) -> dict[Col, int]:
    """Splits `room` pixels by weight; nobody gets less than its least, the last takes the rest."""
    widths: dict[Col, int] = {}
    left, open_cols = room, dict(weights)
    while open_cols:
        total = sum(open_cols.values())
        small = {c for c, w in open_cols.items() if left * w / total < COLUMNS[c].least}
        if not small:
            break
        for col in small:
            widths[col] = COLUMNS[col].least
            left -= COLUMNS[col].least
            del open_cols[col]
    total = sum(open_cols.values())
    cols = list(open_cols)
    for number, col in enumerate(cols):
        share = int(left * weights[col] / total) if number < len(cols) - 1 else left
        widths[col] = share
        left -= share
        total -= weights[col]
    return widths


def configure(header: QHeaderView) -> None:
    """Makes a header one whose columns are moved, resized and chosen."""
    header.setSectionsMovable(True)
    header.setHighlightSections(False)
    header.setStretchLastSection(False)
    header.setMinimumSectionSize(40)
    header.setResizeContentsPrecision(0)  # measure what is visible, not 1,000 rows
    header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
