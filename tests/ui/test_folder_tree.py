from __future__ import annotations

from msa_desktop.base.model import Root
from msa_desktop.store.tracks import Counts, FolderCount
from msa_desktop.ui import folder_tree
from msa_desktop.ui.folder_model import FolderModel
from msa_desktop.ui.folder_tree import Node, Tree

_COUNTS = Counts(tracks=9, new=0, queued=0, analysed=7, failed=2, offline=0)
_ROOTS = [Root(1, "/music", 7), Root(2, "/media/usb", 2, online=False)]
_FOLDERS = [
    FolderCount("/music/Bach/Cello suites", 6),
    FolderCount("/music", 1),
    FolderCount("/media/usb/Old", 2),
    FolderCount("/gone/away", 3),
]


def _node(tree: Tree, key: str) -> Node:
    return tree.nodes[tree.numbers[key]]


def test_folders_hang_under_their_roots_with_what_is_below_them_counted() -> None:
    tree = folder_tree.build(_COUNTS, 5, _ROOTS, _FOLDERS)
    names = [node.name for node in tree.top_nodes()]
    places = [
        "All music",
        "Search",
        "Recently added",
        "Needs attention",
        "Review",
        "History",
        "Models",
    ]
    assert names == [*places, "Folders", "music", "usb"]
    assert _node(tree, "review").count == 5
    assert _node(tree, "/music").count == 7
    assert _node(tree, "/music/Bach").count == 6
    assert _node(tree, "/music/Bach/Cello suites").count == 6
    assert _node(tree, "attention").count == 2
    assert _node(tree, "attention").urgent
    assert not _node(tree, "/media/usb/Old").online
    assert "/gone/away" not in tree.numbers


def test_names_that_are_not_text_can_be_shown() -> None:
    path = "/music/\udcff\udcfe"
    tree = folder_tree.build(_COUNTS, 5, _ROOTS, [FolderCount(path, 1)])
    assert _node(tree, path).name == "\N{REPLACEMENT CHARACTER}" * 2
    assert _node(tree, path).path == path


def test_an_empty_library_has_no_folders_title() -> None:
    tree = folder_tree.build(Counts(0, 0, 0, 0, 0, 0), 0, [], [])
    assert [node.key for node in tree.top_nodes()] == [
        "all",
        "search",
        "recent",
        "attention",
        "review",
        "history",
        "models",
    ]
    assert _node(tree, "review").count is None
    assert _node(tree, "attention").count is None


def test_the_model_is_reset_only_when_folders_came_or_went(qapp: object) -> None:
    model = FolderModel()
    assert model.show(folder_tree.build(_COUNTS, 5, _ROOTS, _FOLDERS))
    more = [FolderCount("/music/Bach/Cello suites", 8), *_FOLDERS[1:]]
    assert not model.show(folder_tree.build(_COUNTS, 5, _ROOTS, more))
    assert model.node(model.index_of("/music/Bach")).count == 8
    assert model.show(folder_tree.build(_COUNTS, 5, _ROOTS, [*more, FolderCount("/music/New", 1)]))


def test_the_model_is_a_consistent_tree(qapp: object, qtmodeltester: object) -> None:
    model = FolderModel()
    model.show(folder_tree.build(_COUNTS, 5, _ROOTS, _FOLDERS))
    qtmodeltester.check(model)  # type: ignore[attr-defined]
    index = model.index_of("/music/Bach/Cello suites")
    assert model.node(index.parent()).path == "/music/Bach"
    assert not model.index_of("/nowhere").isValid()
