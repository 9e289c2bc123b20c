"""Watches one root, in a thread of its own: a share that hangs holds up no other root."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.paths import is_inside
from msa_desktop.watch.scan import Rules, identity, linked_folders, root_is_there, scan, ways

if TYPE_CHECKING:
    from msa_desktop.watch.native import NativeWatch

_log = logging.getLogger(__name__)

_POLL_SHARE = 20  # looking for changes takes at most a twentieth of the time


@dataclass(frozen=True, slots=True)
class Timing:
    """How soon changes are told; seconds.

    Attributes:
        quiet: After the last event.
        longest: After the first one, however busy the folder stays.
        check: Between two looks whether a root is still there.
        poll: Between two walks of a root whose file system tells no changes.
    """

    quiet: float = 1.0
    longest: float = 10.0
    check: float = 5.0
    poll: float = 60.0


class RootWatch(threading.Thread):
    """Finds out which folders of a root need a look.

    Followed links have native watches of their own. Where the system tells no changes, or refuses
    to, the root is walked now and then, and folders whose files differ from the last time are told.

    Args:
        root: Absolute path.
        exclude: Patterns, as in `scan`.
        follow_links: As in `scan`.
        report: Takes a folder, and whether it is to be told at once.
        notice: Takes a sentence for the person.
        timing: How often to look.
    """

    def __init__(
        self,
        root: str,
        exclude: Iterable[str],
        follow_links: bool,
        report: Callable[[str, bool], None],
        notice: Callable[[str], None],
        timing: Timing,
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._root = root
        self._prefix = os.path.join(root, "")
        self._exclude = tuple(exclude)
        self._rules = Rules(self._exclude)
        self._follow_links = follow_links
        self._report = report
        self._notice = notice
        self._timing = timing
        self._native: NativeWatch | None = None
        self._links: list[str] = []
        self._state: object = ()  # as `_look` last saw it; at first unlike anything
        self._prints: dict[str, int] | None = None  # None: the system tells the changes
        self._next_poll = 0.0
        self._noticed = False
        self._links_changed = False
        self._has_new_folders = False
        self._wake = threading.Event()
        self._cancel = CancelToken()

    def stop(self) -> None:
        """Ends the watching; the thread ends soon after."""
        self._cancel.cancel()
        self._wake.set()

    def run(self) -> None:
        """The thread's life."""
        while not self._cancel.cancelled:
            try:
                self._check()
            except Cancelled:
                break
            except UserError:
                _log.info("%s went away while it was looked at", display_path(self._root))
            except Exception:
                _log.exception("watching %s failed for a moment", display_path(self._root))
            self._wake.wait(self._timing.check)
            self._wake.clear()
        self._detach()

    def _check(self) -> None:
        """Sees whether the watch still stands, and whether it is time to walk."""
        relink, self._links_changed = self._links_changed, False
        dead = self._native is not None and not self._native.alive
        if relink or dead or self._look() != self._state:
            self._attach()
            self._state = self._look()
            # Whatever changed before the watch stood is found by looking at all of the root now.
            self._report(self._root, True)
        elif self._prints is not None and time.monotonic() >= self._next_poll:
            self._poll(self._prints)
        if self._native is not None and self._has_new_folders:
            self._has_new_folders = False
            if self._exhausted():
                self._report(self._root, True)

    def _look(self) -> object:
        """What shows that the root, or a folder linked into it, was exchanged or has gone."""
        return [_identity(folder) for folder in (self._root, *self._links)]

    def _attach(self) -> None:
        """Begins to watch the root as it is now."""
        self._detach()
        if not root_is_there(self._root, 0):
            return
        if self._follow_links:
            self._links = linked_folders(self._root, self._exclude, self._cancel)
        # Loads watchdog and psutil, which a program that only scans does without.
        from msa_desktop.watch.native import NativeWatch, tells_changes  # noqa: PLC0415

        if not tells_changes(self._root):
            self._start_polling()
            return
        try:
            self._native = NativeWatch([self._root, *self._links], self._hear)
        except OSError as error:
            self._fall_back(error)
            return
        self._exhausted()

    def _exhausted(self) -> bool:
        """Polls from now on if the system let only a part of the folders be watched."""
        from msa_desktop.watch.native import watches_exhausted  # noqa: PLC0415 - see `_attach`

        if not watches_exhausted(self._root):
            return False
        links = self._links
        self._detach()
        self._links = links
        self._fall_back(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return True

    def _fall_back(self, error: OSError) -> None:
        """Polls, and tells the person once why."""
        from msa_desktop.watch.native import limit_words  # noqa: PLC0415 - see `_attach`

        shown = display_path(self._root)
        _log.warning("no native watch of %s: %s", shown, error)
        words = limit_words(error)
        if words is not None and not self._noticed:
            self._noticed = True
            self._notice(
                f"The system lets too few folders be watched for {shown}: changes there are "
                f"noticed about once a minute instead of at once. {words}"
            )
        self._start_polling()

    def _detach(self) -> None:
        self._links = []
        self._prints = None
        if self._native is not None:
            self._native.close()
            self._native = None

    def _start_polling(self) -> None:
        self._prints = self._take_prints()

    def _poll(self, before: dict[str, int]) -> None:
        """Tells the folders whose files are not what they were."""
        self._prints = after = self._take_prints()
        for folder in before.keys() | after.keys():
            if before.get(folder) != after.get(folder):
                self._tell(folder)

    def _take_prints(self) -> dict[str, int]:
        """Walks the root: a number for each folder that changes with its files."""
        began = time.monotonic()
        prints: dict[str, int] = {}
        for item in scan(
            self._root, self._exclude, follow_links=self._follow_links, cancel=self._cancel
        ):
            folder = os.path.dirname(item.path)
            prints[folder] = prints.get(folder, 0) ^ hash(item)
        ended = time.monotonic()
        self._next_poll = ended + max(self._timing.poll, _POLL_SHARE * (ended - began))
        return prints

    def _hear(self, path: str, is_folder: bool, only_content: bool) -> None:
        """One native event; called in watchdog's thread."""
        if not path.startswith(self._prefix):
            self._report(self._root, False)
            self._wake.set()  # perhaps it has gone
        elif self._rules.leaves_out_path(path[len(self._prefix) :]):
            return
        elif self._concerns_link(path):
            self._links_changed = True
            self._wake.set()
        elif is_folder:
            self._has_new_folders = self._has_new_folders or not only_content
            self._tell(path)
        elif is_audio_name(path):
            self._tell(os.path.dirname(path))

    def _concerns_link(self, path: str) -> bool:
        """Whether a change may add, remove or redirect a followed link to a folder."""
        if not self._follow_links:
            return False
        known = any(is_inside(link, path) for link in self._links)
        return known or (os.path.islink(path) and os.path.isdir(path))

    def _tell(self, folder: str) -> None:
        """Reports a folder, or one around it where a look at it alone would mislead."""
        for way in ways(folder[len(self._prefix) :]):
            if is_audio_name(way):  # whether that is a problem is seen from outside only
                folder = os.path.dirname(self._prefix + way)
                break
        below = os.path.join(folder, "")
        if any(link.startswith(below) for link in self._links):
            folder = self._root  # which of several links is followed depends on all of them
        self._report(folder, False)


def _identity(path: str) -> object:
    try:
        return identity(path)
    except OSError:
        return None
