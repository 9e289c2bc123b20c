"""The window's QActions, made from the table in `action_table`."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QMenu, QMenuBar, QPushButton, QWidget

from msa_desktop.ui.action_table import SPECS, Act, Place, Reach, Spec
from msa_desktop.ui.icons import icon

__all__ = ["SPECS", "Act", "Actions", "Place", "button_for", "menu_place"]

_MENUS = {
    Place.FILE: "&File",
    Place.TRACK: "&Track",
    Place.TAGS: "Ta&gs",
    Place.VIEW: "&View",
    Place.HELP: "&Help",
}

_CONTEXTS = {
    Reach.WINDOW: Qt.ShortcutContext.WindowShortcut,
    Reach.LISTS: Qt.ShortcutContext.WidgetShortcut,
    Reach.REVIEW: Qt.ShortcutContext.WidgetShortcut,
    Reach.REVIEW_PAGE: Qt.ShortcutContext.WidgetWithChildrenShortcut,
}


class Actions(QObject):
    """The window's QActions, made from `SPECS`.

    Args:
        parent: The window; shortcuts with `Reach.WINDOW` work everywhere in it.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._actions = {act: self._make(spec) for act, spec in SPECS.items()}
        parent.addActions(self._with_reach(Reach.WINDOW))

    def __getitem__(self, act: Act) -> QAction:
        return self._actions[act]

    def for_lists(self) -> list[QAction]:
        """The actions that every list of tracks adds to itself, so that their keys work there."""
        return self._with_reach(Reach.LISTS)

    def for_review(self) -> list[QAction]:
        """The actions that the review's list adds to itself."""
        return self._with_reach(Reach.LISTS) + self._with_reach(Reach.REVIEW)

    def for_review_page(self) -> list[QAction]:
        """The actions that the review's page adds to itself."""
        return self._with_reach(Reach.REVIEW_PAGE)

    def enable(self, acts: Iterable[Act], enabled: bool) -> None:
        """Greys actions out, or brings them back."""
        for act in acts:
            self._actions[act].setEnabled(enabled)

    def fill_bar(self, bar: QMenuBar) -> None:
        """Adds the menus to a menu bar."""
        for place, title in _MENUS.items():
            self._fill(bar.addMenu(title), place)

    def context_menu(self, place: Place, parent: QWidget) -> QMenu:
        """A new context menu; it deletes itself when it closes."""
        menu = QMenu(parent)
        menu.setObjectName("context")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._fill(menu, place)
        return menu

    def _fill(self, menu: QMenu, place: Place) -> None:
        previous: int | None = None
        for act, spec in sorted(SPECS.items(), key=_group):
            if place not in spec.places:
                continue
            if previous is not None and spec.group != previous:
                menu.addSeparator()
            menu.addAction(self._actions[act])
            previous = spec.group

    def _with_reach(self, reach: Reach) -> list[QAction]:
        return [self._actions[act] for act, spec in SPECS.items() if spec.reach is reach]

    def _make(self, spec: Spec) -> QAction:
        action = QAction(spec.text, self)
        action.setShortcuts([QKeySequence(keys) for keys in spec.keys])
        action.setShortcutContext(_CONTEXTS[spec.reach])
        if spec.icon:
            action.setIcon(icon(spec.icon))
        action.setCheckable(spec.checkable)
        keys = f" ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})"
        action.setToolTip(spec.tip + (keys if spec.keys else ""))
        return action


def button_for(action: QAction, words: str, parent: QWidget) -> QPushButton:
    """A button that does what an action does, and is grey when it is."""
    button = QPushButton(words, parent)
    button.setToolTip(action.toolTip())
    button.setEnabled(action.isEnabled())
    button.clicked.connect(action.trigger)
    action.enabledChanged.connect(button.setEnabled)
    return button


def menu_place(view: QAbstractItemView, event: QContextMenuEvent) -> QPoint | None:
    """Where on the screen an item's menu opens: under the pointer, or at the current item.

    Args:
        view: A list, table or tree.
        event: From the right mouse button, or from the menu key.

    Returns:
        None where there is no item.
    """
    if event.reason() is QContextMenuEvent.Reason.Keyboard:
        index = view.currentIndex()
        view.scrollTo(index)
        at = view.visualRect(index).center()
    else:
        at = view.viewport().mapFromGlobal(event.globalPos())
        index = view.indexAt(at)
    return view.viewport().mapToGlobal(at) if index.isValid() else None


def _group(item: tuple[Act, Spec]) -> int:
    return item[1].group
