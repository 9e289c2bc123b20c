"""Walks a folder of music and says what lies there: a stamp for each file, a reason for the rest.

What it leaves out: hidden files and folders, the system's and NAS boxes' own folders, everything
that has no audio file's name, and what the person's patterns say. Real folders are walked at their
own paths first. A link to a folder is then followed where it leads out of the root, and a folder
that several links lead to is walked once, under the first of them in order of path. A link into
the root itself, or to a folder around it, is a loop and leads nowhere.
"""

from __future__ import annotations

import fnmatch
import heapq
import os
import re
import stat
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.errors import UserError
from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FileStamp, display_path

# Compared without case. Names that begin with a dot (.Trash-1000, .snapshot, .Spotlight-V100) are
# hidden anyway. Windows XP's RECYCLER is not here: it is an album, too.
_SYSTEM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "system volume information",
        "found.000",
        "lost+found",
        "__macosx",
        "@eadir",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "@sharebin",
        "@tmp",
    }
)

_OTHER_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


_EMPTY_LINK = (
    "The folder this link leads to is empty or not there. "
    "Connect its disk or share, or remove the link."
)


class RootGone(UserError):  # noqa: N818 - a state of the world, and the word for it
    """The root is not there now: an unplugged disk, an unmounted share, a renamed folder."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that looks like music, or may hold some, but cannot be read.

    Attributes:
        path: Absolute path, as in `FileStamp`.
        reason: A sentence for the person.
        unseen: What lies below `path` could not be seen: tracks known there may be as they were.
    """

    path: str
    reason: str
    unseen: bool = False


def root_is_there(path: str, expected_tracks: int) -> bool:
    """Whether a root can be walked, or is offline.

    The empty folder that an unmounted disk or share leaves behind is not the root: where tracks
    are expected and nothing (nothing but hidden files) is found, the root is offline.

    Args:
        path: The root.
        expected_tracks: How many tracks the library knows under it.
    """
    try:
        with os.scandir(path) as entries:
            return not expected_tracks or any(not _is_hidden(entry.name) for entry in entries)
    except OSError:
        return False


def scan(
    root: str,
    exclude: Iterable[str] = (),
    *,
    follow_links: bool = True,
    cancel: CancelToken | None = None,
    only: str | None = None,
) -> Iterator[FileStamp | Problem]:
    """Walks a root, or one folder of it with everything below.

    Args:
        root: The folder to walk. Paths are reported below this very name.
        exclude: Patterns (`fnmatch`, without case) of names, or of paths relative to the root with
            "/" between folders; "*" matches "/" too. What is under a matching folder is left out.
        follow_links: Also walk folders that are symbolic links. Linked files are always reported,
            at the link's path.
        cancel: Looked at before each folder.
        only: A folder at or below the root. One that is not there, or is left out, yields nothing.

    Yields:
        Files and problems in no particular order.

    Raises:
        RootGone: The root is not there, or went away during the walk.
        Cancelled: The token was set.
    """
    return _Walk(root, Rules(exclude), follow_links, cancel).run(only)


def linked_folders(
    root: str, exclude: Iterable[str] = (), cancel: CancelToken | None = None
) -> list[str]:
    """The links to folders outside the root that `scan` follows.

    Raises:
        RootGone: The root is not there.
        Cancelled: The token was set.
    """
    walk = _Walk(root, Rules(exclude), True, cancel, folders_only=True)
    deque(walk.run(None), maxlen=0)
    return walk.links


class Rules:
    """What is left out, by name alone.

    Args:
        exclude: The person's patterns, as in `scan`.
    """

    def __init__(self, exclude: Iterable[str] = ()) -> None:
        patterns = [pattern.replace(os.sep, "/").rstrip("/") for pattern in exclude]
        regex = "|".join(fnmatch.translate(pattern) for pattern in patterns if pattern)
        self._excluded = re.compile(regex, re.IGNORECASE).match if regex else None

    def leaves_out(self, name: str, relative: str) -> bool:
        """Whether a file or folder is left out.

        Args:
            name: Its name.
            relative: Its path relative to the root.
        """
        if _is_hidden(name) or name.lower() in _SYSTEM_FOLDERS:
            return True
        if self._excluded is None:
            return False
        return bool(self._excluded(name) or self._excluded(relative.replace(os.sep, "/")))

    def leaves_out_path(self, relative: str) -> bool:
        """Whether a path relative to the root, or a folder on the way to it, is left out."""
        return any(self.leaves_out(os.path.basename(way), way) for way in ways(relative))


def ways(relative: str) -> list[str]:
    """A relative path and the folders on the way to it, outermost first."""
    parts = Path(relative).parts
    return [os.path.join(*parts[: depth + 1]) for depth in range(len(parts))]


def _is_hidden(name: str) -> bool:
    """Whether a name is hidden by the Unix convention.

    Two dots or more begin titles ("...And Justice for All"), not hidden files.
    """
    return name.startswith(".") and not name.startswith("..")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be walked.

    Attributes:
        named: The folders on the way to it, itself included, that have an audio file's name.
        linked: Reached through a link, so it may be reached on another way as well.
        is_link: Is itself a link.
    """

    path: str
    named: tuple[str, ...] = ()
    linked: bool = False
    is_link: bool = False


class _Walk:
    """One walk; see `scan`."""

    def __init__(
        self,
        root: str,
        rules: Rules,
        follow_links: bool,
        cancel: CancelToken | None,
        *,
        folders_only: bool = False,
    ) -> None:
        self.links: list[str] = []
        self._root = os.path.abspath(root)  # follows no link, unlike `Path.resolve`
        self._prefix = os.path.join(self._root, "")
        self._rules = rules
        self._follow_links = follow_links
        self._cancel = cancel
        self._folders_only = folders_only
        self._real_prefix = os.path.join(os.path.realpath(self._root), "")
        self._later: list[tuple[str, tuple[str, ...]]] = []  # links to folders: a heap
        self._visited: set[object] = set()  # the root, and folders reached through links
        self._barren: set[str] = set()  # audio-named folders in which nothing was found yet

    def run(self, only: str | None) -> Iterator[FileStamp | Problem]:
        had_content = self._check_root()
        start = self._start(self._root if only is None else os.path.abspath(only))
        if isinstance(start, Problem):
            yield start
            return
        folders = [start] if start is not None else []
        while folders or self._later:
            if self._cancel is not None:
                self._cancel.check()
            if not folders:
                path, named = heapq.heappop(self._later)
                folders.append(self._folder(path, named, linked=True, is_link=True))
            yield from self._walk(folders.pop(), folders)
        if had_content and not root_is_there(self._root, 1):
            raise _gone(self._root)
        for path in self._barren:
            yield Problem(path, "This is a folder, not a file.")

    def _check_root(self) -> bool:
        """Whether anything is in the root."""
        if not root_is_there(self._root, 0):
            raise _gone(self._root)
        self._visited.add(identity(self._root))
        return root_is_there(self._root, 1)

    def _start(self, path: str) -> _Folder | Problem | None:
        """The folder to begin with, or None where nothing is to be seen."""
        if path == self._root:
            return _Folder(path)
        if not path.startswith(self._prefix):
            raise ValueError(f"{display_path(path)} is not below {display_path(self._root)}")
        relative = path[len(self._prefix) :]
        if self._rules.leaves_out_path(relative):
            return None
        links = [way for way in map(self._prefix.__add__, ways(relative)) if os.path.islink(way)]
        if links and not (self._follow_links and self._leads_out(path)):
            return None
        for link in links:
            if not root_is_there(link, 1):
                return Problem(link, _EMPTY_LINK, unseen=True)
        return self._folder(path, (), linked=bool(links))

    def _folder(
        self, path: str, named: tuple[str, ...], *, linked: bool, is_link: bool = False
    ) -> _Folder:
        """A folder to be walked; one with an audio file's name is a suspect until music is met."""
        if is_audio_name(path):
            self._barren.add(path)
            named = (*named, path)
        return _Folder(path, named, linked, is_link)

    def _walk(self, folder: _Folder, folders: list[_Folder]) -> Iterator[FileStamp | Problem]:
        """Reports a folder's files and adds its folders to those still to be walked."""
        try:
            if folder.linked and not self._is_first_visit(folder.path):
                self._barren.difference_update(folder.named)
                return
            with os.scandir(folder.path) as opened:
                entries = list(opened)
        except (FileNotFoundError, NotADirectoryError):
            self._barren.discard(folder.path)
            return  # it went away since it was seen
        except OSError as error:
            self._barren.difference_update(folder.named)
            yield Problem(folder.path, f"The folder cannot be opened ({_words(error)}).", True)
            return
        if folder.is_link:
            self.links.append(folder.path)
            if all(_is_hidden(entry.name) for entry in entries):
                # Perhaps a mount point without its disk: see `root_is_there`.
                self._barren.difference_update(folder.named)
                yield Problem(folder.path, _EMPTY_LINK, unseen=True)
                return
        skip = len(self._prefix)
        for entry in entries:
            if self._rules.leaves_out(entry.name, entry.path[skip:]) or _is_marked_hidden(entry):
                continue
            try:
                found = self._meet(entry, folder, folders)
            except FileNotFoundError:
                continue  # it went away since it was listed
            except OSError as error:
                found = Problem(entry.path, f"The file cannot be looked at ({_words(error)}).")
            if found is not None:
                self._barren.difference_update(folder.named)
                yield found

    def _meet(
        self, entry: os.DirEntry[str], folder: _Folder, folders: list[_Folder]
    ) -> FileStamp | Problem | None:
        """What one entry is: something to report, a folder for later, or nothing."""
        if _is_link(entry):
            return self._meet_link(entry, folder)
        if entry.is_dir(follow_symlinks=False):
            folders.append(self._folder(entry.path, folder.named, linked=folder.linked))
            return None
        if self._folders_only or not is_audio_name(entry.name):
            return None
        return _stamp(entry.path, entry.stat())

    def _meet_link(self, entry: os.DirEntry[str], folder: _Folder) -> FileStamp | Problem | None:
        """What a link leads to."""
        is_audio = is_audio_name(entry.name)
        try:
            status = entry.stat()
        except OSError as error:
            # A link without an extension was likely one to a folder.
            if not is_audio and _OTHER_EXTENSION.search(entry.name):
                return None
            what = "something that is not there" if isinstance(error, FileNotFoundError) else ""
            what = what or f"something that cannot be looked at ({_words(error)})"
            return Problem(entry.path, f"This is a link to {what}.", unseen=not is_audio)
        if stat.S_ISDIR(status.st_mode):
            if self._follow_links and self._leads_out(entry.path):
                heapq.heappush(self._later, (entry.path, folder.named))
            return None
        return _stamp(entry.path, status) if is_audio else None

    def _leads_out(self, path: str) -> bool:
        """Whether a path leads out of the root, and not to a folder that holds the root."""
        real = os.path.join(os.path.realpath(path), "")
        return not (real.startswith(self._real_prefix) or self._real_prefix.startswith(real))

    def _is_first_visit(self, path: str) -> bool:
        known = len(self._visited)
        self._visited.add(identity(path))
        return len(self._visited) > known


def identity(path: str) -> object:
    """What tells one folder from another, whatever path led to it."""
    status = Path(path).stat()
    # Some network file systems number nothing.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _stamp(path: str, status: os.stat_result) -> FileStamp | Problem:
    """What is to be said of something that has an audio file's name and is no folder."""
    if stat.S_ISREG(status.st_mode):
        return FileStamp(path, status.st_size, status.st_mtime_ns)
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
    return Problem(path, f"This is {kind}, not a file.")


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a symbolic link, or a junction, which is Windows' link to a folder."""
    if sys.platform == "win32":
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return entry.is_symlink()


def _is_marked_hidden(entry: os.DirEntry[str]) -> bool:
    """Whether Windows' hidden or system attribute is set."""
    if sys.platform == "win32":
        hidden = stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM
        return bool(entry.stat(follow_symlinks=False).st_file_attributes & hidden)
    return False


def _words(error: OSError) -> str:
    """The system's reason, such as "permission denied"."""
    return (error.strerror or str(error)).lower()


def _gone(root: str) -> RootGone:
    return RootGone(
        f"The folder {display_path(root)} is not there or cannot be opened. "
        "Connect its disk or share, or remove it from the library."
    )
