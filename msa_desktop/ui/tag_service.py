"""The tag service as the window reaches it: opened in the background, or not there at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject

from msa_desktop.base.errors import UserError
from msa_desktop.services.tagging import Tagging
from msa_desktop.ui.bridge import Background

_T = TypeVar("_T")


class TagService(QObject):
    """Runs work with the tag service, one piece after the other.

    Opening the service may take a while after a program was killed (it clears up what that left
    in people's folders), so whichever work comes first opens it, outside the GUI thread.

    Args:
        open_it: Makes the service, or returns the one there is.
        problem: Why there is none, in words; empty if there is.
        parent: Qt's parent.
    """

    def __init__(
        self, open_it: Callable[[], Tagging], problem: str, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._open = open_it
        self.problem = problem
        self._opening = threading.Lock()
        # A thread each, so that every decision is stored in its turn, also while files are written.
        self._decisions = Background(self, threads=1)
        self._long_work = Background(self, threads=1)

    def decide(
        self,
        work: Callable[[Tagging], _T],
        done: Callable[[_T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Runs quick work; each piece waits for the one before."""
        self._run(self._decisions, work, done, failed)

    def work(
        self,
        work: Callable[[Tagging], _T],
        done: Callable[[_T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Runs work that may take long, beside the decisions."""
        self._run(self._long_work, work, done, failed)

    def close(self) -> None:
        """Stores every decision, and ends the long work; nothing is delivered any more."""
        self._decisions.close(finish=True)
        self._long_work.close()

    def _run(
        self,
        background: Background,
        work: Callable[[Tagging], _T],
        done: Callable[[_T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        if self.problem:
            failed(UserError(self.problem))
            return
        background.run(partial(self._with_service, work), done, failed=failed)

    def _with_service(self, work: Callable[[Tagging], _T]) -> _T:
        with self._opening:
            tagging = self._open()
        return work(tagging)
