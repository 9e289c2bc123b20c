"""The threads that scan when folders change, and tell how far the listening is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import AnalysisProgress, EventBus, Notice
from msa_desktop.base.jobs import CancelToken

Wanted = dict[int, frozenset[str] | None]
"""Root ids; with each the folders to scan, or None for all of the root."""

_TELL_EVERY = 0.25  # seconds between two progress events
_PATIENCE = 5.0  # seconds a thread has to end

_log = logging.getLogger(__name__)


def merge(wanted: Wanted, root_id: int, folders: Iterable[str] | None) -> None:
    """Adds folders of a root, or all of it, to what is wanted already."""
    before = wanted.get(root_id, frozenset())
    if folders is None or before is None:
        wanted[root_id] = None
    else:
        wanted[root_id] = before | frozenset(folders)


class Background:
    """Scans one batch after the other, in a thread of its own, until closed.

    Args:
        scan: Runs one batch.
        progress: How far the listening is.
        events: Where progress and errors are told.
    """

    def __init__(
        self,
        scan: Callable[[Wanted, CancelToken], object],
        progress: Callable[[], AnalysisProgress],
        events: EventBus,
    ) -> None:
        self._scan = scan
        self._progress = progress
        self._events = events
        self._changed = threading.Condition()
        self._wanted: Wanted = {}
        self._cancel = CancelToken()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._scan_when_asked, name="scan", daemon=True),
            threading.Thread(target=self._tell_progress, name="progress", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def request(self, root_id: int, folders: Iterable[str] | None) -> None:
        """Has these folders of a root, or all of it (None), scanned soon."""
        with self._changed:
            merge(self._wanted, root_id, folders)
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Ends the scan under way; what it was to do is done again, with the roots there then."""
        with self._changed:
            self._cancel.cancel()

    def close(self) -> None:
        """Ends the scan under way, and both threads; one may hang with its share."""
        with self._changed:
            self._closed.set()
            self._cancel.cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _scan_when_asked(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed.is_set())
                if self._closed.is_set():
                    return
                wanted, self._wanted = self._wanted, {}
                cancel = self._cancel = CancelToken()
            try:
                self._scan(wanted, cancel)
            except Cancelled:
                for root_id, folders in wanted.items():
                    self.request(root_id, folders)
            except UserError as error:
                self._events.publish(Notice(str(error), is_error=True))
            except Exception:
                # One bad scan must not end the watching of every other folder.
                _log.exception("a scan of %r failed", wanted)
                self._events.publish(
                    Notice("A scan failed; the log says why. Rescan (F5) tries again.", True)
                )

    def _tell_progress(self) -> None:
        told = None
        while not self._closed.wait(_TELL_EVERY):
            now = self._progress()
            if now != told:
                self._events.publish(now)
                told = now
