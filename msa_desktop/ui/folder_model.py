"""The side bar's lines as a Qt model, over the nodes of `folder_tree`."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt
from PySide6.QtCore import QPersistentModelIndex as PersistentIndex

from msa_desktop.base.model import display_path
from msa_desktop.ui import text
from msa_desktop.ui.folder_tree import Kind, Node, Tree

Index = QModelIndex | PersistentIndex
_NOWHERE = QModelIndex()


class FolderModel(QAbstractItemModel):
    """A tree of nodes; Qt's indexes carry a node's number."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tree = Tree()

    def show(self, tree: Tree) -> bool:
        """Takes a new tree over.

        Returns:
            Whether the model was reset; where only counts differ it is not.
        """
        same = list(tree.numbers) == list(self._tree.numbers)
        if not same:
            self.beginResetModel()
        self._tree = tree
        if not same:
            self.endResetModel()
            return True
        # For more than one row the view paints all it shows, whichever level they are of.
        self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, 0))
        return False

    def node(self, index: Index) -> Node:
        """The node of an index; the top one for the invalid index."""
        return self._tree.nodes[index.internalId() if index.isValid() else 0]

    def index_of(self, key: str) -> QModelIndex:
        """The index of a line; invalid where there is none."""
        return self._index(self._tree.numbers.get(key, 0))

    def _index(self, number: int) -> QModelIndex:
        if number == 0:
            return QModelIndex()
        return self.createIndex(self._tree.nodes[number].row, 0, number)

    # Qt's model

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        children = self.node(parent).children
        if column != 0 or not 0 <= row < len(children):
            return QModelIndex()
        return self.createIndex(row, 0, children[row])

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        return self._index(self.node(index).parent if index.isValid() else 0)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return len(self.node(parent).children)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        del parent
        return 1

    def hasChildren(self, parent: Index = _NOWHERE) -> bool:
        return bool(self.node(parent).children)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.node(index).kind is Kind.TITLE:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self.node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return node.name
        if role == Qt.ItemDataRole.ToolTipRole and node.path:
            offline = "" if node.online else " \N{EM DASH} offline; its tracks are kept"
            return display_path(node.path) + offline
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = [node.name]
            if node.count is not None:
                parts.append(text.count(node.count, "track", "tracks"))
            if not node.online:
                parts.append("offline")
            return ", ".join(parts)
        return None
