"""Changes as the operating system tells them, through watchdog.

Loaded when the first folder is watched: watchdog and psutil cost a tenth of a second.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable

import psutil
import watchdog.events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

# Not among them: that a file was opened or read. The analysis itself does that all the time.
_EVENT_NAMES = (
    "FileCreatedEvent",
    "FileModifiedEvent",
    "FileClosedEvent",
    "FileAttribEvent",
    "FileMovedEvent",
    "FileDeletedEvent",
    "DirCreatedEvent",
    "DirAttribEvent",
    "DirMovedEvent",
    "DirDeletedEvent",
)
_EVENTS: list[type[FileSystemEvent]] = [
    getattr(watchdog.events, name) for name in _EVENT_NAMES if hasattr(watchdog.events, name)
]
_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances",
}

# What another computer changes on these is told to nobody here. Everything in user space (sshfs,
# rclone, mergerfs, ...) is counted among them: the system cannot know what it is.
_REMOTE = frozenset(
    {
        "9p", "afpfs", "afs", "ceph", "cifs", "davfs", "drvfs", "glusterfs", "lustre", "ncpfs",
        "nfs", "nfs4", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "webdav",
    }
)  # fmt: skip

Receive = Callable[[str, bool, bool], None]
"""Takes a path, whether it is a folder's, and whether only content or attributes changed."""


class NativeWatch:
    """Watches folders and all below them; links below them are not followed.

    Args:
        folders: What to watch. Paths are told below these very names, links among them too.
        receive: Called in a thread of watchdog's with each path concerned.
        recursive: Also watch what is below.

    Raises:
        OSError: The system does not allow it; `limit_words` may know why.
    """

    def __init__(self, folders: Iterable[str], receive: Receive, *, recursive: bool = True) -> None:
        self._observer = Observer()
        try:
            for folder in folders:
                # The real path: watchdog watches a link as a link, and macOS tells real paths.
                real = os.path.realpath(folder)
                handler = _Handler(real, folder, receive)
                self._observer.schedule(handler, real, recursive=recursive, event_filter=_EVENTS)
            self._observer.start()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """False once a folder that was watched has been removed."""
        emitters = self._observer.emitters
        return self._observer.is_alive() and all(emitter.is_alive() for emitter in emitters)

    def close(self) -> None:
        """Ends the watching."""
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join()


class _Handler(FileSystemEventHandler):
    """Tells one folder's events, with the paths the person knows."""

    def __init__(self, real: str, shown: str, receive: Receive) -> None:
        self._real = real
        self._shown = shown
        self._receive = receive

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog with every event."""
        only_content = event.event_type in {"modified", "closed", "attrib"}
        for path in map(os.fsdecode, (event.src_path, event.dest_path)):
            if path.startswith(self._real):
                shown = self._shown + path[len(self._real) :]
                self._receive(shown, event.is_directory, only_content)


def tells_changes(path: str) -> bool:
    """Whether the file system of a folder tells all its changes."""
    real = os.path.join(os.path.realpath(path), "")
    best, kind = "", ""
    for partition in psutil.disk_partitions(all=True):
        point = os.path.join(partition.mountpoint, "")
        if real.startswith(point) and len(point) >= len(best):
            best, kind = point, partition.fstype.lower()
    return not (kind in _REMOTE or kind.startswith(("fuse.", "macfuse", "osxfuse")))


def watches_exhausted(folder: str) -> bool:
    """Whether the system refuses one more watched folder.

    watchdog says so of the topmost folder only and passes over those below in silence, so this
    tries one more.
    """
    if sys.platform != "linux":
        return False
    try:
        NativeWatch([folder], lambda *_: None, recursive=False).close()
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False


def limit_words(error: OSError) -> str | None:
    """How to raise the limit that was hit; None where it was none."""
    name = _LIMITS.get(error.errno or 0)
    if name is None or sys.platform != "linux":
        return None
    value = 1_048_576 if error.errno == errno.ENOSPC else 1024
    return f"To change that, run: sudo sysctl {name}={value}"
