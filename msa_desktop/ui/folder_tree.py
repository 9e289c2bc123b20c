"""The library's folders as a tree of plain nodes, built outside the GUI thread."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from msa_desktop.base.model import Root
from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.tracks import Counts, FolderCount, Scope, TrackReader
from msa_desktop.ui import text


class Kind(Enum):
    """What a line of the side bar is."""

    PLACE = auto()  # All music, Search, Recently added, ...
    TITLE = auto()  # a word above a group; not selectable
    ROOT = auto()
    FOLDER = auto()


class Page(Enum):
    """What the middle of the window shows for a line."""

    TRACKS = auto()
    SEARCH = auto()
    REVIEW = auto()
    HISTORY = auto()
    MODELS = auto()


@dataclass(slots=True)
class Node:
    """One line of the side bar.

    Attributes:
        key: What makes it the same line after a refresh.
        count: Tracks in it, those of the folders below included; None to show no number.
        page: What the window shows for it.
        urgent: Its count asks for the person's attention.
        parent: The number of the line above it.
        row: Its place among its parent's children.
        children: Their numbers.
    """

    kind: Kind
    key: str
    name: str
    icon: str = ""
    count: int | None = None
    scope: Scope = Scope.ALL
    path: str = ""
    root_id: int | None = None
    online: bool = True
    page: Page = Page.TRACKS
    urgent: bool = False
    parent: int = 0
    row: int = 0
    children: list[int] = field(default_factory=list)


class Tree:
    """The lines of the side bar by number; number 0 is the invisible top.

    Numbers and not references tie them together: ten thousand folders in reference cycles would
    keep the garbage collector, and with it the window, busy for a tenth of a second.
    """

    def __init__(self) -> None:
        self.nodes = [Node(Kind.TITLE, "", "")]
        self.numbers = {"": 0}

    def add(self, parent: int, node: Node) -> int:
        """Appends a line below another and returns its number."""
        number = len(self.nodes)
        siblings = self.nodes[parent].children
        node.parent, node.row = parent, len(siblings)
        siblings.append(number)
        self.nodes.append(node)
        self.numbers[node.key] = number
        return number

    def top_nodes(self) -> list[Node]:
        """The lines of the first level."""
        return [self.nodes[number] for number in self.nodes[0].children]


def read_tree(reader: TrackReader, proposals: ProposalReader) -> Tree:
    """The whole side bar, from the database."""
    to_decide = proposals.counts().undecided
    return build(reader.counts(), to_decide, reader.roots(), reader.folders())


def build(
    counts: Counts, to_decide: int, roots: Sequence[Root], folders: Iterable[FolderCount]
) -> Tree:
    """The side bar for these numbers and folders.

    Args:
        counts: Tracks by state.
        to_decide: Tracks with proposals that nobody decided on.
        roots: The folders the person added.
        folders: Those that directly hold tracks.
    """
    tree = Tree()
    tree.add(0, Node(Kind.PLACE, "all", "All music", "music", counts.tracks))
    tree.add(0, Node(Kind.PLACE, "search", "Search", "search", page=Page.SEARCH))
    tree.add(0, Node(Kind.PLACE, "recent", "Recently added", "clock", scope=Scope.RECENT))
    tree.add(
        0,
        Node(
            Kind.PLACE,
            "attention",
            "Needs attention",
            "alert",
            counts.failed or None,
            scope=Scope.ATTENTION,
            urgent=counts.failed > 0,
        ),
    )
    review = Node(Kind.PLACE, "review", "Review", "inbox", to_decide or None, page=Page.REVIEW)
    tree.add(0, review)
    tree.add(0, Node(Kind.PLACE, "history", "History", "history", page=Page.HISTORY))
    tree.add(0, Node(Kind.PLACE, "models", "Models", "models", page=Page.MODELS))
    if roots:
        tree.add(0, Node(Kind.TITLE, "folders", "Folders"))
    for root in sorted(roots, key=_root_name):
        icon = "folder" if root.online else "folder-offline"
        name = text.folder_name(root.path)
        node = Node(Kind.ROOT, root.path, name, icon, root.tracks, Scope.FOLDER, root.path)
        node.root_id, node.online = root.id, root.online
        tree.add(0, node)
    for folder in sorted(folders, key=_folder_order):
        _count(tree, _folder(tree, folder.path), folder.tracks)
    return tree


def _count(tree: Tree, number: int, tracks: int) -> None:
    """Adds a folder's tracks to it and to those above; a root's number is the database's."""
    while (node := tree.nodes[number]).kind is Kind.FOLDER:
        node.count = (node.count or 0) + tracks
        number = node.parent


def _folder(tree: Tree, path: str) -> int:
    """The number of a folder, made with those between it and its root; 0 without a root."""
    chain: list[str] = []
    while path not in tree.numbers:
        chain.append(path)
        above = os.path.dirname(path)
        if above == path:
            return 0  # its root is just being removed
        path = above
    number = tree.numbers[path]
    for below in reversed(chain):
        above_node = tree.nodes[number]
        name = text.folder_name(below)
        node = Node(Kind.FOLDER, below, name, above_node.icon, 0, Scope.FOLDER, below)
        node.root_id, node.online = above_node.root_id, above_node.online
        number = tree.add(number, node)
    return number


def _root_name(root: Root) -> str:
    return text.folder_name(root.path).casefold()


def _folder_order(folder: FolderCount) -> list[str]:
    return [part.casefold() for part in folder.path.split(os.sep)]
