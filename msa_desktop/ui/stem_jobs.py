"""Work on stems, track after track, each shown in the player while it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QElapsedTimer, QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import StemsProgress, StemsStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.ui import text
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.message_bar import Offer
from msa_desktop.ui.progress_bar import time_words
from msa_desktop.ui.stem_strip import StemStrip

_STEPS = {
    StemsStep.LOAD: "getting ready",
    StemsStep.MEASURE: "listening",
    StemsStep.LISTEN: "listening to the stems",
}
_A_TRACK = 0.34  # gigabytes of the stems of four minutes
_GUESS_AFTER = 3000  # milliseconds of a step that say how long the rest takes


Part = tuple[float, float | None]
"""Where a part of a track begins and ends, in seconds; None for the track's end."""

WHOLE: Part = (0.0, None)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    Attributes:
        path: The track it is about.
        words: What is done, for the person.
        work: Done in a thread.
        done: Told what came of it.
        failed: Told why nothing did; not where the person ended it.
        part: What of the track it is about.
    """

    path: str
    words: str
    work: Callable[[CancelToken], Any]
    done: Callable[[Any], object]
    failed: Callable[[Exception], object]
    part: Part = WHOLE


class StemJobs(QObject):
    """Does one job after the other.

    Args:
        strip: Where the one that goes on is shown.
        steps: Those of `StemsProgress` that are about these jobs.
        parent: Qt's parent.
    """

    failed = Signal(Exception)
    """What went wrong with one job while others go on."""

    def __init__(
        self, strip: StemStrip, steps: frozenset[StemsStep], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._strip = strip
        self._steps = steps
        self._threads = Background(self, threads=1)
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._token = CancelToken()
        self._step: StemsStep | None = None
        self._since = QElapsedTimer()
        strip.cancel_clicked.connect(self.cancel)

    @property
    def busy(self) -> bool:
        """Whether a job goes on."""
        return self._running is not None

    def known(self) -> set[tuple[str, Part]]:
        """What jobs go on or wait, by track and part; without the one that is being ended."""
        known = {(job.path, job.part) for job in self._waiting}
        if self._running is not None and not self._token.cancelled:
            known.add((self._running.path, self._running.part))
        return known

    def add(self, *jobs: Job) -> None:
        """Does jobs as soon as those before them are done."""
        self._waiting.extend(jobs)
        self._begin_next()

    def tell(self, words: str, offer: Offer | None = None, *, problem: bool = False) -> None:
        """Says what came of a job; while others go on or wait, only a problem, and elsewhere."""
        if not (self.busy or self._waiting):
            self._strip.show_outcome(words, offer, problem=problem)
        elif problem:
            self.failed.emit(UserError(words))

    def cancel(self) -> None:
        """Ends the job that goes on, and forgets those that wait."""
        self._waiting.clear()
        self._token.cancel()
        if self.busy:
            self._strip.show_progress("ending", 0.0, 0.0)

    def take_progress(self, progress: StemsProgress) -> None:
        """Shows how far it is, if it is about these jobs."""
        job = self._running
        if job is None or progress.path != job.path or progress.step not in self._steps:
            return
        if self._token.cancelled or not progress.running:
            return
        if progress.step is not self._step:
            self._step = progress.step
            self._since.start()
        self._strip.show_progress(self._details(progress), progress.done, progress.total)

    def close(self) -> None:
        """Ends everything; nothing is delivered any more."""
        self.cancel()
        self._threads.close()

    def _begin_next(self) -> None:
        if self.busy or not self._waiting:
            return
        job = self._running = self._waiting.popleft()
        self._token = CancelToken()
        self._step = None
        self._strip.show_work(job.words)
        self._threads.run(
            partial(job.work, self._token),
            partial(self._ended, job),
            failed=partial(self._ended_badly, job),
        )

    def _ended(self, job: Job, result: object) -> None:
        self._rest()
        job.done(result)
        self._begin_next()

    def _ended_badly(self, job: Job, error: Exception) -> None:
        self._rest()
        if not isinstance(error, Cancelled):
            job.failed(error)
        self._begin_next()

    def _rest(self) -> None:
        self._running = None
        self._strip.hide()

    def _details(self, progress: StemsProgress) -> str:
        parts = [_STEPS.get(progress.step, "")]
        if progress.total:
            parts.append(f"{round(100 * progress.done / progress.total)} %")
            elapsed = self._since.elapsed()
            if progress.done and elapsed > _GUESS_AFTER:
                left = elapsed / 1000 * (progress.total - progress.done) / progress.done
                parts.append(time_words(left))
        if self._waiting:
            parts.append(text.count(len(self._waiting), "more waits", "more wait"))
        return " \N{MIDDLE DOT} ".join(filter(None, parts))


def ask_many(parent: QWidget, count: int, gigabytes: int, agreed: Callable[[], None]) -> None:
    """Asks whether so many tracks are to be taken apart that it lasts, and that not all are kept.

    Args:
        parent: The window.
        count: How many.
        gigabytes: What is kept of stems, at most.
        agreed: Called if they are.
    """
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Separate stems")
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Take {text.count(count, 'track', 'tracks')} apart?")
    box.setInformativeText(
        "Without a graphics card, a track takes some minutes. "
        f"There is room for the stems of about {round(gigabytes / _A_TRACK):n} tracks "
        f"({gigabytes} GB, see Settings); the longest unused go first."
    )
    button = box.addButton("Separate", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    button.clicked.connect(agreed)
    box.open()
