"""Every action of the window, declared once: menus, context menus and shortcuts come from here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QMenu, QMenuBar, QWidget

from msa_desktop.ui.icons import icon


class Act(StrEnum):
    """The actions' names."""

    ADD_FOLDER = auto()
    REMOVE_FOLDER = auto()
    SHOW_FOLDER = auto()
    RESCAN = auto()
    PAUSE_ANALYSIS = auto()
    SETTINGS = auto()
    QUIT = auto()
    PLAY = auto()
    PLAY_PAUSE = auto()
    PREVIOUS = auto()
    NEXT = auto()
    FIND_SIMILAR = auto()
    SHOW_LABELS = auto()
    ANALYSE_AGAIN = auto()
    SHOW_FILE = auto()
    COPY_PATH = auto()
    FILTER = auto()
    SHOW_ALL = auto()
    SHOW_RECENT = auto()
    SHOW_ATTENTION = auto()
    BACK = auto()
    FORWARD = auto()
    SIDEBAR = auto()
    SIMILAR_PANEL = auto()
    NEXT_PANE = auto()
    DEMO = auto()
    ABOUT = auto()


class Place(Flag):
    """Where an action appears."""

    FILE = auto()
    TRACK = auto()
    VIEW = auto()
    HELP = auto()
    TRACK_MENU = auto()  # right-click on a track
    FOLDER_MENU = auto()  # right-click on a folder


class Reach(Enum):
    """Where an action's shortcut works."""

    WINDOW = auto()
    # Space and Return mean something to buttons and fields too, so these keys work in lists alone.
    LISTS = auto()


@dataclass(frozen=True, slots=True)
class Spec:
    """One action.

    Attributes:
        text: Menu text with its mnemonic.
        keys: Shortcuts, the first one shown.
        icon: Name of the icon, or "".
        tip: One sentence for the tooltip and the screen reader.
        places: The menus it appears in, in this table's order.
        group: A separator stands between two groups of one menu.
        checkable: Whether it is on or off.
    """

    text: str
    keys: tuple[str, ...]
    icon: str
    tip: str
    places: Place
    group: int = 0
    reach: Reach = Reach.WINDOW
    checkable: bool = False


_TRACK = Place.TRACK | Place.TRACK_MENU

SPECS: dict[Act, Spec] = {
    Act.ADD_FOLDER: Spec(
        "&Add folder…", ("Ctrl+O",), "folder-plus", "Add a folder of music", Place.FILE
    ),
    Act.REMOVE_FOLDER: Spec(
        "Remo&ve from library",
        ("Ctrl+Shift+Backspace",),
        "trash",
        "Forget the selected folder; its files are not touched",
        Place.FILE | Place.FOLDER_MENU,
        group=1,
    ),
    Act.SHOW_FOLDER: Spec(
        "Show folder in file &manager",
        (),
        "external",
        "Open the selected folder in the file manager",
        Place.FOLDER_MENU,
    ),
    Act.RESCAN: Spec(
        "&Rescan", ("F5",), "refresh", "Look for new, changed and removed files", Place.FILE
    ),
    Act.PAUSE_ANALYSIS: Spec(
        "&Pause analysis",
        ("Ctrl+Shift+P",),
        "pause",
        "Stop listening to new files for now",
        Place.FILE,
        checkable=True,
    ),
    Act.SETTINGS: Spec(
        "&Settings…", ("Ctrl+,",), "settings", "Change how the program works", Place.FILE, group=2
    ),
    Act.QUIT: Spec("&Quit", ("Ctrl+Q",), "close", "Close the program", Place.FILE, group=3),
    Act.PLAY: Spec(
        "&Play",
        ("Return", "Enter"),
        "play",
        "Play the selected track",
        _TRACK,
        reach=Reach.LISTS,
    ),
    Act.PLAY_PAUSE: Spec(
        "Play or pa&use",
        ("Space",),
        "pause",
        "Pause the track that plays, or go on",
        Place.TRACK,
        reach=Reach.LISTS,
    ),
    Act.PREVIOUS: Spec(
        "Pre&vious track", ("Ctrl+Left",), "previous", "Play the previous track", Place.TRACK
    ),
    Act.NEXT: Spec("&Next track", ("Ctrl+Right",), "next", "Play the next track", Place.TRACK),
    Act.FIND_SIMILAR: Spec(
        "Find &similar",
        ("Ctrl+R",),
        "similar",
        "List the tracks that sound most like this one",
        _TRACK,
        group=1,
    ),
    Act.SHOW_LABELS: Spec(
        "Show &labels", ("Ctrl+L",), "tag", "Show what was heard in this track", _TRACK, group=1
    ),
    Act.ANALYSE_AGAIN: Spec(
        "&Analyse again",
        ("Ctrl+Shift+R",),
        "refresh",
        "Listen to the selected tracks once more",
        _TRACK,
        group=1,
    ),
    Act.SHOW_FILE: Spec(
        "Show in file &manager",
        ("Ctrl+Shift+M",),
        "external",
        "Open the folder that holds this file",
        _TRACK,
        group=2,
    ),
    Act.COPY_PATH: Spec(
        "&Copy path",
        ("Ctrl+Shift+C",),
        "copy",
        "Copy the paths of the selected files",
        _TRACK,
        group=2,
    ),
    Act.FILTER: Spec(
        "&Filter", ("Ctrl+F",), "search", "Type words to show only tracks with them", Place.VIEW
    ),
    Act.SHOW_ALL: Spec("All &music", ("Ctrl+1",), "music", "Every track", Place.VIEW, group=1),
    Act.SHOW_RECENT: Spec(
        "&Recently added", ("Ctrl+2",), "clock", "The newest tracks first", Place.VIEW, group=1
    ),
    Act.SHOW_ATTENTION: Spec(
        "&Needs attention",
        ("Ctrl+3",),
        "alert",
        "Files that could not be analysed, each with its reason",
        Place.VIEW,
        group=1,
    ),
    Act.BACK: Spec(
        "&Back",
        ("Alt+Left",),
        "back",
        "The similar tracks you looked at before",
        Place.VIEW,
        group=2,
    ),
    Act.FORWARD: Spec(
        "F&orward",
        ("Alt+Right",),
        "forward",
        "The similar tracks you came back from",
        Place.VIEW,
        group=2,
    ),
    Act.SIDEBAR: Spec(
        "S&idebar", ("F8",), "", "Show or hide the folders", Place.VIEW, group=3, checkable=True
    ),
    Act.SIMILAR_PANEL: Spec(
        "&Similar tracks",
        ("F9",),
        "",
        "Show or hide the similar tracks",
        Place.VIEW,
        group=3,
        checkable=True,
    ),
    Act.NEXT_PANE: Spec(
        "Ne&xt pane", ("F6",), "", "Go on to the next part of the window", Place.VIEW, group=3
    ),
    Act.DEMO: Spec(
        "Try the &demo",
        (),
        "music",
        "Make a small library of synthesised pieces and open it",
        Place.HELP,
    ),
    Act.ABOUT: Spec("&About", (), "info", "Version and licence", Place.HELP, group=1),
}

_MENUS = {
    Place.FILE: "&File",
    Place.TRACK: "&Track",
    Place.VIEW: "&View",
    Place.HELP: "&Help",
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
        if spec.reach is Reach.LISTS:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        if spec.icon:
            action.setIcon(icon(spec.icon))
        action.setCheckable(spec.checkable)
        keys = f" ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})"
        action.setToolTip(spec.tip + (keys if spec.keys else ""))
        return action


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
