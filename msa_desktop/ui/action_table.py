"""Every action of the window, declared once: menus, context menus and shortcuts come from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto


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
    FIND_MIXES = auto()
    SHOW_LABELS = auto()
    SEARCH_LIKE = auto()
    SEARCH_UNLIKE = auto()
    SEPARATE = auto()
    SEPARATE_PART = auto()
    ANALYSE_AGAIN = auto()
    SHOW_FILE = auto()
    COPY_PATH = auto()
    PROPOSE = auto()
    EDIT_TAGS = auto()
    PROPOSE_ALL = auto()
    ACCEPT = auto()
    REJECT = auto()
    EDIT_VALUES = auto()
    UNDO_DECISION = auto()
    ACCEPT_ABOVE = auto()
    PREVIEW = auto()
    WRITE = auto()
    UNDO_BATCH = auto()
    UNDO_FILES = auto()
    INSTALL_MODEL = auto()
    CANCEL_MODEL = auto()
    VERIFY_MODEL = auto()
    ADD_MODEL_FILES = auto()
    REMOVE_MODEL = auto()
    MODEL_TERMS = auto()
    COPY_COMMAND = auto()
    ADD_OWN_MODEL = auto()
    FILTER = auto()
    SEARCH = auto()
    SHOW_ALL = auto()
    SHOW_RECENT = auto()
    SHOW_ATTENTION = auto()
    SHOW_REVIEW = auto()
    SHOW_HISTORY = auto()
    SHOW_MODELS = auto()
    BACK = auto()
    FORWARD = auto()
    SIDEBAR = auto()
    SIMILAR_PANEL = auto()
    MIXER = auto()
    NEXT_PANE = auto()
    DEMO = auto()
    ABOUT = auto()


class Place(Flag):
    """Where an action appears."""

    FILE = auto()
    TRACK = auto()
    TAGS = auto()
    VIEW = auto()
    HELP = auto()
    TRACK_MENU = auto()  # right-click on a track
    FOLDER_MENU = auto()  # right-click on a folder
    REVIEW_MENU = auto()  # right-click on a track in the review
    HISTORY_MENU = auto()  # right-click on what was written
    MODEL_MENU = auto()  # right-click on a model


class Reach(Enum):
    """Where an action's shortcut works."""

    WINDOW = auto()
    # Space and Return mean something to buttons and fields too, so these keys work in lists alone.
    LISTS = auto()
    # Plain letters decide in the review's list, and must stay letters where a person types.
    REVIEW = auto()
    # Everywhere on the review's page, also where its list is empty.
    REVIEW_PAGE = auto()


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


_TRACK = Place.TRACK | Place.TRACK_MENU | Place.REVIEW_MENU
_TAGS = Place.TAGS | Place.TRACK_MENU
_REVIEW = Place.TAGS | Place.REVIEW_MENU
_HISTORY = Place.TAGS | Place.HISTORY_MENU

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
    Act.FIND_MIXES: Spec(
        "Mi&xes well after this",
        ("Ctrl+M",),
        "mix",
        "List the tracks that mix well after this one: near in tempo, key and sound",
        _TRACK,
        group=1,
    ),
    Act.SHOW_LABELS: Spec(
        "Show &labels", ("Ctrl+L",), "tag", "Show what was heard in this track", _TRACK, group=1
    ),
    Act.SEARCH_LIKE: Spec(
        "Searc&h like this…",
        ("Ctrl+Shift+K",),
        "search",
        "Search for what sounds like the selected tracks, and fits words you add",
        _TRACK,
        group=1,
    ),
    Act.SEARCH_UNLIKE: Spec(
        "Search unli&ke this…",
        (),
        "minus",
        "Search for what sounds unlike the selected tracks",
        _TRACK,
        group=1,
    ),
    Act.SEPARATE: Spec(
        "Sepa&rate stems",
        ("Ctrl+Shift+S",),
        "mixer",
        "Take the selected tracks apart: voice, drums, bass and the rest",
        _TRACK,
        group=1,
    ),
    Act.SEPARATE_PART: Spec(
        "Separate stems &of a part…",
        ("Ctrl+Shift+X",),
        "",
        "Choose a part of the selected track, and take only that apart",
        _TRACK,
        group=1,
    ),
    Act.ANALYSE_AGAIN: Spec(
        "&Analyse again",
        ("Ctrl+Shift+R",),
        "refresh",
        "Listen to the selected tracks once more",
        Place.TRACK | Place.TRACK_MENU,
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
    Act.PROPOSE: Spec(
        "Propose &tags",
        ("Ctrl+T",),
        "inbox",
        "Propose tags for the selected tracks; nothing is written",
        _TAGS,
        group=3,
    ),
    Act.EDIT_TAGS: Spec(
        "&Edit tags…",
        ("F2", "Ctrl+E"),
        "edit",
        "Change the tags of the selected tracks by hand",
        _TAGS | Place.REVIEW_MENU,
        group=3,
    ),
    Act.PROPOSE_ALL: Spec(
        "Propose for the whole &library",
        ("Ctrl+Shift+T",),
        "inbox",
        "Propose tags for every track that was listened to; nothing is written",
        Place.TAGS,
        group=3,
    ),
    Act.ACCEPT: Spec(
        "&Accept",
        ("A",),
        "check",
        "Accept the proposals; they are written when you say so",
        _REVIEW,
        group=4,
        reach=Reach.REVIEW,
    ),
    Act.REJECT: Spec(
        "Re&ject",
        ("R", "Del"),
        "close",
        "Reject the proposals; the same is not proposed again",
        _REVIEW,
        group=4,
        reach=Reach.REVIEW,
    ),
    Act.EDIT_VALUES: Spec(
        "E&dit the proposal",
        ("E",),
        "edit",
        "Type other values in the place of the proposed ones",
        _REVIEW,
        group=4,
        reach=Reach.REVIEW,
    ),
    Act.UNDO_DECISION: Spec(
        "&Undo the last decision",
        ("U", "Ctrl+Z"),
        "reset",
        "Bring back what was just accepted, rejected or edited",
        _REVIEW,
        group=4,
        reach=Reach.REVIEW_PAGE,
    ),
    Act.ACCEPT_ABOVE: Spec(
        "Accept all a&bove the confidence",
        (),
        "check",
        "Accept every proposal that the program is this sure of",
        Place.TAGS,
        group=5,
    ),
    Act.PREVIEW: Spec(
        "Pre&view the write…",
        ("Ctrl+Shift+Return",),
        "search",
        "Show the exact frames of the exact files that would change; nothing is written",
        Place.TAGS,
        group=5,
    ),
    Act.WRITE: Spec(
        "&Write accepted tags",
        ("Ctrl+Return",),
        "write",
        "Write all that was accepted into the files; it can be undone",
        Place.TAGS,
        group=5,
    ),
    Act.UNDO_BATCH: Spec(
        "Undo t&his write",
        (),
        "reset",
        "Give all files of this write their original bytes back",
        _HISTORY,
        group=6,
    ),
    Act.UNDO_FILES: Spec(
        "Undo the selected &files",
        (),
        "reset",
        "Give the selected files their original bytes back",
        _HISTORY,
        group=6,
    ),
    Act.INSTALL_MODEL: Spec(
        "&Install…",
        (),
        "download",
        "Download this model, once you agreed to its size and licence",
        Place.MODEL_MENU,
    ),
    Act.CANCEL_MODEL: Spec(
        "&Cancel", (), "close", "End this; what came is kept for the next time", Place.MODEL_MENU
    ),
    Act.VERIFY_MODEL: Spec(
        "&Verify", (), "check", "Read this model's files and compare their hashes", Place.MODEL_MENU
    ),
    Act.ADD_MODEL_FILES: Spec(
        "Add from &file…",
        (),
        "folder",
        "Take files of this model that you have already",
        Place.MODEL_MENU,
    ),
    Act.REMOVE_MODEL: Spec(
        "&Remove…", (), "trash", "Take this model's files off the disk", Place.MODEL_MENU
    ),
    Act.MODEL_TERMS: Spec(
        "&Licence and terms…",
        (),
        "info",
        "What this model's licence asks of you; nothing is downloaded",
        Place.MODEL_MENU,
        group=1,
    ),
    Act.COPY_COMMAND: Spec(
        "C&opy the command",
        (),
        "copy",
        "Copy the command that installs what runs this model",
        Place.MODEL_MENU,
        group=1,
    ),
    Act.ADD_OWN_MODEL: Spec(
        "Add a language &model…",
        (),
        "plus",
        "Take a GGUF file of yours as one more language model",
        Place.FILE | Place.MODEL_MENU,
        group=2,
    ),
    Act.FILTER: Spec(
        "&Filter", ("Ctrl+F",), "filter", "Type words to show only tracks with them", Place.VIEW
    ),
    Act.SEARCH: Spec(
        "Search by &words",
        ("Ctrl+K",),
        "search",
        "Say what you want to hear: a mood, an instrument, a voice, a time, a name",
        Place.VIEW,
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
    Act.SHOW_REVIEW: Spec(
        "Re&view", ("Ctrl+4",), "inbox", "Proposed tags, to be decided on", Place.VIEW, group=1
    ),
    Act.SHOW_HISTORY: Spec(
        "&History",
        ("Ctrl+5",),
        "history",
        "What was written into files, and how to take it back",
        Place.VIEW,
        group=1,
    ),
    Act.SHOW_MODELS: Spec(
        "Mo&dels",
        ("Ctrl+6",),
        "models",
        "What the program hears, reads and writes with, and how to get more",
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
    Act.MIXER: Spec(
        "Mix&er",
        ("F7",),
        "",
        "Hear the stems of the track that plays, each as loud as you like",
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
