"""The left side: what to look at. All music, what is new, what failed, and the folders."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, QObject, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QFont, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.tracks import Scope, TrackReader
from msa_desktop.ui import folder_tree, paint, theme
from msa_desktop.ui.actions import Act, Actions, Place, menu_place
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.folder_model import FolderModel
from msa_desktop.ui.folder_tree import Kind, Node, Tree
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import Index
from msa_desktop.ui.theme import Role

_REFRESH_MS = 1000
_ROW = 30
_TITLE_ROW = 40
_ICON = 16
_HOVERED = QStyle.StateFlag.State_MouseOver


class Sidebar(QWidget):
    """Places and folders, with counts.

    Signals:
        chosen: The line the person is on now (a `Node`).
        read: The folders are known; whether there are any.
    """

    chosen = Signal(object)
    read = Signal(bool)

    def __init__(
        self,
        reader: TrackReader,
        proposals: ProposalReader,
        background: Background,
        actions: Actions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._proposals = proposals
        self._background = background
        self._actions = actions
        self._model = FolderModel(self)
        self._open: set[str] = set()
        self._seen_roots: set[str] = set()
        self._wanted = "all"
        self._announced: str | None = None
        self._showing = False
        self._tree = _Tree(self)
        self._tree.setModel(self._model)
        self._tree.setItemDelegate(_Delegate(self._model, self._tree))
        self._tree.selectionModel().currentChanged.connect(self._chosen)
        self._tree.expanded.connect(self._expanded)
        self._tree.collapsed.connect(self._collapsed)
        self._tree.menu_asked.connect(self._open_menu)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self.refresh)
        self._lay_out()

    def refresh(self) -> None:
        """Reads folders and counts again, in the background."""
        self._refresh_soon.stop()
        work = partial(folder_tree.read_tree, self._reader, self._proposals)
        self._background.run(work, self._show, key="tree")

    def refresh_soon(self) -> None:
        """The same, at most once a second while thousands of files arrive."""
        if not self._refresh_soon.isActive():
            self._refresh_soon.start()

    def choose(self, key: str) -> None:
        """Moves to a line: a place ("all", "review", ...) or a folder, by its path."""
        self._wanted = key
        index = self._model.index_of(key)
        if index.isValid():
            self._tree.setCurrentIndex(index)

    def current(self) -> Node | None:
        """The line the person is on."""
        index = self._tree.currentIndex()
        return self._model.node(index) if index.isValid() else None

    def focus_list(self) -> None:
        """Gives the keyboard to the lines."""
        self._tree.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def state(self) -> dict[str, object]:
        """What is open and chosen, for the saved window."""
        return {"open": sorted(self._open), "chosen": self._wanted}

    def restore(self, state: dict[str, object]) -> None:
        """Takes a saved state over; it shows when the folders are read."""
        opened, chosen = state.get("open"), state.get("chosen")
        if isinstance(opened, list):
            self._open = {path for path in opened if isinstance(path, str)}
            self._seen_roots = set(self._open)
        if isinstance(chosen, str):
            self._wanted = chosen

    def _lay_out(self) -> None:
        theme.set_role(self, Role.SIDEBAR)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(160)
        add = QToolButton(self)
        add.setDefaultAction(self._actions[Act.ADD_FOLDER])
        add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        add.setText(" Add folder")  # Qt leaves no room between icon and words
        add.setAccessibleName("Add folder")
        add.setIconSize(QSize(_ICON, _ICON))
        add.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(8)
        layout.addWidget(self._tree, 1)
        footer = QVBoxLayout()
        footer.setContentsMargins(8, 0, 8, 0)
        footer.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(footer)

    def _show(self, tree: Tree) -> None:
        # Until all is in its place again, nothing that Qt makes the current line was chosen.
        self._showing = True
        was_reset = self._model.show(tree)
        roots = [node for node in tree.top_nodes() if node.kind is Kind.ROOT]
        self.read.emit(bool(roots))
        if was_reset:
            for root in roots:
                # A folder that was just added shows what it holds.
                if root.path not in self._seen_roots:
                    self._seen_roots.add(root.path)
                    self._open.add(root.path)
            for path in sorted(self._open):
                self._tree.expand(self._model.index_of(path))
            wanted = self._model.index_of(self._wanted)
            self._tree.setCurrentIndex(wanted if wanted.isValid() else self._model.index_of("all"))
        self._showing = False
        self._announce(self._tree.currentIndex())

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid() and not self._showing:
            self._wanted = self._model.node(index).key
            self._announce(index)

    def _announce(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        node = self._model.node(index)
        self._actions.enable([Act.REMOVE_FOLDER], node.kind is Kind.ROOT)
        self._actions.enable([Act.SHOW_FOLDER], node.scope is Scope.FOLDER and node.online)
        if node.key != self._announced:
            self._announced = node.key
            self.chosen.emit(node)

    def _expanded(self, index: QModelIndex) -> None:
        self._open.add(self._model.node(index).key)

    def _collapsed(self, index: QModelIndex) -> None:
        self._open.discard(self._model.node(index).key)

    def _open_menu(self, at: QPoint) -> None:
        node = self.current()
        if node is not None and node.scope is Scope.FOLDER:
            self._actions.context_menu(Place.FOLDER_MENU, self).popup(at)


class _Tree(QTreeView):
    """A tree without decoration of its own.

    Signals:
        menu_asked: The current line's menu is wanted at this place of the screen.
    """

    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        theme.set_role(self, Role.SIDEBAR)
        self.setAccessibleName("Library")
        self.setHeaderHidden(True)
        self.setIndentation(16)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setExpandsOnDoubleClick(True)
        self.setMouseTracking(True)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the item's menu."""
        at = menu_place(self, event)
        if at is not None:
            self.menu_asked.emit(at)

    def drawRow(self, painter: QPainter, options: QStyleOptionViewItem, index: Index) -> None:
        super().drawRow(painter, options, index)
        if self.hasFocus() and index == self.currentIndex():
            paint.focus_strip(painter, options)


class _Delegate(QStyledItemDelegate):
    """A line: icon, name, and the count at the right."""

    def __init__(self, model: FolderModel, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        is_title = self._model.node(index).kind is Kind.TITLE
        height = max(_TITLE_ROW if is_title else _ROW, option.fontMetrics.height() + 12)
        return QSize(0, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        node = self._model.node(index)
        paint.background(painter, option, hovered=bool(option.state & _HOVERED))
        muted = paint.colour(QPalette.ColorRole.PlaceholderText)
        rect = option.rect.adjusted(4, 0, -10, 0)
        if node.kind is Kind.TITLE:
            painter.setFont(paint.sized(option.font, -1, QFont.Weight.DemiBold))
            paint.words(painter, rect.adjusted(0, 8, 0, 0), node.name, muted)
            return
        mark = QRect(rect.left(), rect.center().y() - _ICON // 2 + 1, _ICON, _ICON)
        ink = Ink.ATTENTION if node.urgent else Ink.MUTED
        icon(node.icon, ink).paint(painter, mark)
        right = self._paint_count(painter, option, rect, node)
        painter.setFont(option.font)
        name = QRect(mark.right() + 9, rect.top(), right - mark.right() - 15, rect.height())
        paint.words(painter, name, node.name, paint.words_colour(option, muted=not node.online))

    def _paint_count(
        self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, node: Node
    ) -> int:
        """Paints the count, or the word "offline"; returns where it begins."""
        if not node.online and node.kind is Kind.ROOT:
            shown = "offline"
        elif node.count is not None:
            shown = option.locale.toString(node.count)
        else:
            return rect.right()
        painter.setFont(paint.sized(option.font, -1))
        width = painter.fontMetrics().horizontalAdvance(shown) + 2
        place = QRect(rect.right() - width, rect.top(), width, rect.height())
        role = QPalette.ColorRole.BrightText if node.urgent else QPalette.ColorRole.PlaceholderText
        paint.words(painter, place, shown, paint.colour(role), right=True)
        return place.left()
