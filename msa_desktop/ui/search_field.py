"""The field of the search: words, and chips for the tracks that are to be sounded like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from msa_desktop.base.model import TrackId
from msa_desktop.ui import theme
from msa_desktop.ui.flow import Flow
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.theme import Role

MOST_CHIPS = 12
_MOST_KEPT = 20  # of the last searches
_OFFERED = 6
_WORDS_WIDTH = 170
_TITLE_WIDTH = 170
_OFFERS_FRAME = 10  # pixels: border and padding above and below
_ICON = 18
# A title keeps its own direction in a button that is laid out from the right.
_ISOLATED, _END = "\N{FIRST STRONG ISOLATE}", "\N{EN SPACE}\N{POP DIRECTIONAL ISOLATE}"


@dataclass(frozen=True, slots=True)
class Seed:
    """A track that those to be found shall sound like, or unlike."""

    track_id: TrackId
    title: str
    unlike: bool = False


class SearchField(QFrame):
    """A line for words, with chips before them, that remembers the last searches.

    Signals:
        changed: Other words, or other chips.
        submitted: Return: the search is wanted now.
        left: The keyboard is to go to the list.
    """

    changed = Signal()
    submitted = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: list[_Chip] = []
        self._past = QStringListModel(self)
        self._offers = QListView()
        self._words = QLineEdit(self)
        self._clear = QToolButton(self)
        self._box = QWidget(self)
        self._flow = Flow(6, self._box)
        self._lay_out()
        self._words.installEventFilter(self)
        self._offers.installEventFilter(self)
        self._words.textChanged.connect(self._changed)
        self._clear.clicked.connect(self.clear)
        completer = QCompleter(self._past, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(_OFFERED)
        theme.set_role(self._offers, Role.POPUP)
        completer.setPopup(self._offers)
        completer.activated.connect(self.submitted)
        self._words.setCompleter(completer)
        self._words.returnPressed.connect(self.submitted)

    # What the page asks

    def words(self) -> str:
        """What was typed."""
        return self._words.text().strip()

    def set_words(self, words: str) -> None:
        """Types for the person."""
        self._words.setText(words)
        self.take_focus()
        self._words.end(False)

    def seeds(self) -> list[Seed]:
        """The chips' tracks, in order."""
        return [chip.seed for chip in self._chips]

    def add_seeds(self, seeds: Iterable[Seed]) -> None:
        """Adds chips, up to `MOST_CHIPS`; a track that has one gets the new one in its place."""
        for seed in seeds:
            for chip in [one for one in self._chips if one.seed.track_id == seed.track_id]:
                self._take(chip)
            if len(self._chips) < MOST_CHIPS:
                chip = _Chip(seed, self._box)
                chip.clicked.connect(self._chip_clicked)
                chip.installEventFilter(self)
                self._flow.insert(len(self._chips), chip)
                QWidget.setTabOrder(self._chips[-1] if self._chips else self, chip)
                self._chips.append(chip)
                chip.show()
        if self._chips:
            QWidget.setTabOrder(self._chips[-1], self._words)
        self._words.end(False)  # what is typed now comes to what is there
        self._changed()

    def clear(self) -> None:
        """Takes words and chips away."""
        for chip in list(self._chips):
            self._take(chip)
        self._words.clear()
        self._changed()
        self.take_focus()

    def take_focus(self) -> None:
        """Brings the keyboard here."""
        self._words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._words.selectAll()

    def past(self) -> list[str]:
        """The last searches, the latest first."""
        return self._past.stringList()

    def set_past(self, searches: Sequence[str]) -> None:
        """Takes saved searches over."""
        self._past.setStringList(list(searches)[:_MOST_KEPT])

    def offer_past(self) -> None:
        """Opens the list of the last searches."""
        if self.past():
            self._words.completer().setCompletionPrefix("")
            self._words.completer().complete()

    def remember(self) -> None:
        """Puts these words among the last searches."""
        self._offers.hide()
        words = self.words()
        if words:
            self.set_past([words, *(one for one in self.past() if one != words)])

    # Keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Handles what the words and the chips have in common, and where the offers open."""
        if watched is self._offers:
            if event.type() in (QEvent.Type.Show, QEvent.Type.Move):
                self._place_offers()
        elif isinstance(event, QFocusEvent):
            has_focus = event.type() == QEvent.Type.FocusIn and watched is self._words
            theme.set_property(self, "focused", "true" if has_focus else "false")
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            plain = event.modifiers() in (
                Qt.KeyboardModifier.NoModifier,
                Qt.KeyboardModifier.KeypadModifier,
            )
            if plain and self._pressed(watched, Qt.Key(event.key())):
                return True
        return super().eventFilter(watched, event)

    def _pressed(self, watched: QObject, key: Qt.Key) -> bool:
        """Takes a key; False where it means what it always means."""
        if key == Qt.Key.Key_Down:
            self.left.emit()
            return True
        if isinstance(watched, _Chip):
            return self._pressed_in_chip(watched, key)
        at_start = self._words.cursorPosition() == 0 and not self._words.hasSelectedText()
        if key == Qt.Key.Key_Escape and (self._words.text() or self._chips):
            if self._words.text():
                self._words.clear()
            else:
                self.clear()
        elif key == Qt.Key.Key_Backspace and self._chips and not self._words.text():
            self._remove(self._chips[-1])
        elif key == Qt.Key.Key_Left and self._chips and at_start:
            self._chips[-1].setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            return False
        return True

    def _pressed_in_chip(self, chip: _Chip, key: Qt.Key) -> bool:
        place = self._chips.index(chip)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove(chip)
        elif key == Qt.Key.Key_Left:
            self._chips[max(0, place - 1)].setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif key == Qt.Key.Key_Right and place + 1 < len(self._chips):
            self._chips[place + 1].setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Escape):
            self._words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            return False
        return True

    def _place_offers(self) -> None:
        """Below the whole field, as high as it needs: Qt thinks of the bare words and rows."""
        rows = min(_OFFERED, self._words.completer().completionCount())
        height = rows * self._offers.sizeHintForRow(0) + _OFFERS_FRAME
        place = QRect(self.mapToGlobal(self.rect().bottomLeft()), QSize(self.width(), height))
        if self._offers.geometry() != place:
            self._offers.setFixedSize(place.size())
            self._offers.move(place.topLeft())

    # Chips

    def _chip_clicked(self) -> None:
        chip = self.sender()
        if isinstance(chip, _Chip):
            self._remove(chip)

    def _remove(self, chip: _Chip) -> None:
        """Takes a chip away, and goes on to the next one where the keyboard was on it."""
        place, had_focus = self._chips.index(chip), chip.hasFocus()
        self._take(chip)
        following: QWidget = self._chips[place] if place < len(self._chips) else self._words
        if had_focus:
            following.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._changed()

    def _take(self, chip: _Chip) -> None:
        self._chips.remove(chip)
        self._flow.removeWidget(chip)
        chip.hide()
        chip.deleteLater()

    def _changed(self) -> None:
        self._clear.setVisible(bool(self._words.text() or self._chips))
        self.changed.emit()

    def _lay_out(self) -> None:
        theme.set_role(self, Role.FIELD)
        theme.set_role(self._words, Role.BARE)
        self._words.setPlaceholderText("Try “calm piano, no vocals”")
        self._words.setAccessibleName("Search by words")
        self._words.setAccessibleDescription(
            "Return searches at once, Down goes to the tracks found, Escape clears"
        )
        self._words.setMinimumWidth(_WORDS_WIDTH)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._flow.addWidget(self._words)
        mark = Mark(_ICON, self)
        mark.show_icon("search", Ink.MUTED)
        self._clear.setIcon(icon("close", Ink.MUTED))
        self._clear.setIconSize(QSize(_ICON - 4, _ICON - 4))
        self._clear.setToolTip("Clear the search (Esc)")
        self._clear.setAccessibleName("Clear the search")
        self._clear.setFixedSize(_ICON + 4, _ICON + 4)
        self._clear.setVisible(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 5, 6, 5)
        row.setSpacing(8)
        row.addWidget(mark)
        row.addWidget(self._box, 1)
        row.addWidget(self._clear)


class _Chip(QPushButton):
    """One track; a click takes it away."""

    def __init__(self, seed: Seed, parent: QWidget) -> None:
        super().__init__(parent)
        self.seed = seed
        kind = "unlike" if seed.unlike else "like"
        theme.set_role(self, Role.PILL)
        theme.set_property(self, "against", "true" if seed.unlike else "false")
        title = " ".join(seed.title.split())
        shown = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, _TITLE_WIDTH)
        self.setText(f"{_ISOLATED}{kind}: {shown}{_END}".replace("&", "&&"))
        self.setIcon(icon("close", Ink.MUTED))
        self.setIconSize(QSize(12, 12))
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the cross stands at the end
        self.setAccessibleName(f"{kind}: {title}")
        self.setAccessibleDescription("Press to take this track out of the search")
        self.setToolTip(f"{kind}: {title}\nClick to take it out of the search")
