"""Says which folders need a look. What changed in them, the library finds out by scanning them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from msa_desktop.base.paths import outermost
from msa_desktop.watch.root_watch import RootWatch, Timing

_log = logging.getLogger(__name__)

# Above these, one look at the whole root is cheaper. The first also covers a burst in which the
# kernel drops events: it does so when 16,384 wait.
_MOST_REPORTS = 4000
_MOST_FOLDERS = 50


class Watcher:
    """Watches roots and tells, once they are quiet again, which of their folders changed.

    A root is told whole as soon as its watch stands (so that nothing is missed between the first
    scan and the watch), when it goes away, and when it comes back. A file that a link points to
    outside the root is not watched; a folder is.

    Args:
        on_change: Takes root paths, each with the folders to scan: `scan(root, only=folder)`, the
            root itself among them where all of it needs a look. No folder lies in another. Called
            in a thread of the watcher's.
        on_notice: Takes a sentence for the person, such as how to raise a limit of the system.
        exclude: Patterns, as in `scan`.
        follow_links: As in `scan`.
        timing: How soon changes are told.
    """

    def __init__(
        self,
        on_change: Callable[[Mapping[str, frozenset[str]]], None],
        on_notice: Callable[[str], None],
        *,
        exclude: Iterable[str] = (),
        follow_links: bool = True,
        timing: Timing | None = None,
    ) -> None:
        self._on_change = on_change
        self._on_notice = on_notice
        self._exclude = tuple(exclude)
        self._follow_links = follow_links
        self._timing = timing or Timing()
        self._changed = threading.Condition()
        self._watches: dict[str, RootWatch] = {}
        self._folders: dict[str, set[str]] = {}
        self._reports: dict[str, int] = {}
        self._first = self._last = 0.0  # when the oldest and the newest report came
        self._closed = False
        self._thread = threading.Thread(target=self._deliver, name="watcher", daemon=True)
        self._thread.start()

    def watch(self, roots: Iterable[str]) -> None:
        """Watches exactly these roots from now on; one that is not there is waited for."""
        wanted = set(map(os.path.abspath, roots))
        with self._changed:
            for root in self._watches.keys() - wanted:
                self._watches.pop(root).stop()
                self._folders.pop(root, None)
            for root in wanted - self._watches.keys():
                self._watches[root] = RootWatch(
                    root,
                    self._exclude,
                    self._follow_links,
                    partial(self._report, root),
                    self._on_notice,
                    self._timing,
                )
                self._watches[root].start()

    def close(self, timeout: float = 2.0) -> None:
        """Ends the watching; nothing is told after that.

        Args:
            timeout: Seconds to wait for each root's thread; one may hang with its share.
        """
        with self._changed:
            self._closed = True
            watches = list(self._watches.values())
            self._changed.notify()
        for watch in watches:
            watch.stop()
        for thread in (self._thread, *watches):
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _report(self, root: str, folder: str, at_once: bool) -> None:
        """Notes that a folder needs a look."""
        with self._changed:
            if root not in self._watches:
                return
            now = time.monotonic()
            if not self._folders:
                self._first = now
            self._last = now
            if at_once:
                self._first = now - self._timing.longest
            self._reports[root] = self._reports.get(root, 0) + 1
            folders = self._folders.setdefault(root, set())
            folders.add(folder)
            if self._reports[root] > _MOST_REPORTS or len(folders) > _MOST_FOLDERS:
                folders.clear()
                folders.add(root)
            self._changed.notify()

    def _deliver(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._is_due():
                    self._changed.wait(self._time_left())
                if self._closed:
                    return
                due = {root: frozenset(outermost(told)) for root, told in self._folders.items()}
                self._folders.clear()
                self._reports.clear()
            try:
                self._on_change(due)
            except Exception:
                _log.exception("the changed folders %r were not taken", due)

    def _is_due(self) -> bool:
        return bool(self._folders) and self._time_left() == 0

    def _time_left(self) -> float | None:
        """Seconds until what is noted is to be told; None while nothing is."""
        if not self._folders:
            return None
        due = min(self._last + self._timing.quiet, self._first + self._timing.longest)
        return max(0.0, due - time.monotonic())
