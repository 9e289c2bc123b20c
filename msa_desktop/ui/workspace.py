"""The window's three parts: side bar, what is looked at, and what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from msa_desktop.ui.folder_tree import Page

_SIDE_SHARE, _SIDE_LEAST, _SIDE_MOST = 0.17, 190, 250
_PANEL_SHARE, _PANEL_LEAST, _PANEL_MOST = 0.25, 270, 380


class Workspace(QSplitter):
    """Side bar, centre and right side. The last two change with the page.

    Args:
        sidebar: The left side. It and all the others have `focus_list`.
        centres: What is shown in the middle for each page.
        sides: What is shown at the right; a page without one has the whole width.
    """

    def __init__(
        self,
        sidebar: QWidget,
        centres: Mapping[Page, QWidget],
        sides: Mapping[Page, QWidget],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._sidebar = sidebar
        self._centres = centres
        self._sides = sides
        self._page = Page.TRACKS
        self._side_wanted = True
        self._divided_by_hand = False
        self._panel = _PANEL_LEAST  # width of the right side when it was last seen
        self._centre, self._right = QStackedWidget(self), QStackedWidget(self)
        for stack, parts in ((self._centre, centres), (self._right, sides)):
            for part in parts.values():
                stack.addWidget(part)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        for stretch, part in enumerate((sidebar, self._centre, self._right)):
            self.addWidget(part)
            self.setStretchFactor(stretch, 1 if part is self._centre else 0)
        self.splitterMoved.connect(self._keep_sizes)

    @property
    def page(self) -> Page:
        """What is looked at."""
        return self._page

    def show_page(self, page: Page) -> None:
        """Shows another page with what belongs to it."""
        self._page = page
        self._centre.setCurrentWidget(self._centres[page])
        if page in self._sides:
            self._right.setCurrentWidget(self._sides[page])
        self._show_right()

    def show_side(self, page: Page) -> None:
        """Shows the right side of another page beside this one, until the next change."""
        self._right.setCurrentWidget(self._sides[page])

    def set_side_wanted(self, wanted: bool) -> None:
        """Shows or hides the right side, on every page that has one."""
        self._side_wanted = wanted
        self._show_right()

    def focus_centre(self) -> None:
        """Gives the keyboard to the middle."""
        centre: Any = self._centres[self._page]
        centre.focus_list()

    def next_pane(self) -> None:
        """Gives the keyboard to the next part: side bar, centre, right side."""
        shown: list[Any] = [self._sidebar, self._centres[self._page], self._right.currentWidget()]
        panes = [part for part in shown if part.isVisible()]
        focus = self.window().focusWidget()
        at = next((i for i, part in enumerate(panes) if focus and part.isAncestorOf(focus)), -1)
        if panes:
            panes[(at + 1) % len(panes)].focus_list()

    def state(self) -> list[int] | None:
        """The widths, where the person chose them."""
        return self.sizes() if self._divided_by_hand else None

    def restore(self, widths: list[int] | None) -> None:
        """Takes saved widths over."""
        if widths:
            self._divided_by_hand = True
            self.setSizes(widths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Divides the width anew, until the person has divided it by hand."""
        super().resizeEvent(event)
        self._divide()

    def _divide(self) -> None:
        if not self._divided_by_hand:
            width = self.width()
            side = min(_SIDE_MOST, max(_SIDE_LEAST, round(width * _SIDE_SHARE)))
            panel = min(_PANEL_MOST, max(_PANEL_LEAST, round(width * _PANEL_SHARE)))
            self._give(side, panel)

    def _give(self, side: int, panel: int) -> None:
        """Gives the outer parts these widths and the centre the rest."""
        if self._right.isHidden():
            panel = 0  # what Qt is told of a hidden part, it shares out among the others
        self.setSizes([side, self.width() - side - panel, panel])

    def _show_right(self) -> None:
        shown = self._side_wanted and self._page in self._sides
        if shown is not self._right.isHidden():
            return
        side, _, panel = self.sizes()
        self._panel = panel or self._panel
        self._right.setVisible(shown)
        self._give(side, self._panel)
        self._divide()

    def _keep_sizes(self) -> None:
        self._divided_by_hand = True
