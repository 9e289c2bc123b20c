"""The line that says how far the listening and the work on tags are, and pauses them."""

from __future__ import annotations

from PySide6.QtCore import QLocale, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.events import AnalysisProgress, ScanProgress, TagProgress, TagWork
from msa_desktop.base.model import display_path
from msa_desktop.ui import text, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.icons import Ink, icon

_IDLE = AnalysisProgress(done=0, total=0, failed=0, rate=0.0, seconds_left=None, paused=False)
_BUTTON_ICON = QSize(20, 16)  # the icon is square; the rest keeps it off the words
_DOT = " \N{MIDDLE DOT} "
_TAG_WORK = {
    TagWork.PROPOSE: "Proposing tags",
    TagWork.PREVIEW: "Looking into the files",
    TagWork.WRITE: "Writing tags",
    TagWork.UNDO: "Undoing",
}


def rate_words(rate: float, what: str = "file") -> str:
    """Files a second in words: "3.1 files/s", "20 files/min"; empty while unknown."""
    if rate <= 0:
        return ""
    if rate < 1:
        per_minute = max(1, round(rate * 60))
        return f"1 {what}/min" if per_minute == 1 else f"{per_minute} {what}s/min"
    return f"{rate:.1f} {what}s/s" if rate < 10 else f"{rate:.0f} {what}s/s"


def time_words(seconds: float | None) -> str:
    """What is left, as roughly as it is known: "about 5 min left"; empty while unknown."""
    if seconds is None:
        return ""
    if seconds < 45:
        return "less than a minute left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min left"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours} h {rest} min left" if rest else f"about {hours} h left"


def headline(progress: AnalysisProgress, scan: ScanProgress | None) -> str:
    """What goes on, in a few words."""
    if progress.done < progress.total:
        numbers = QLocale()
        place = f"{numbers.toString(progress.done + 1)} of {numbers.toString(progress.total)}"
        if progress.paused:
            return f"Paused at {place}"
        if progress.measuring:
            return f"Measuring tempo, key and loudness: {place}"
        return f"Listening to {place}"
    if scan is not None and scan.running:
        return "Looking through folders"
    return "Everything is analysed"


def details(progress: AnalysisProgress, scan: ScanProgress | None) -> str:
    """How fast it goes and how long it takes, after the headline; empty if there is no telling."""
    if progress.done < progress.total:
        if progress.paused:
            return ""
        return _joined(rate_words(progress.rate), time_words(progress.seconds_left))
    if scan is not None and scan.running:
        return text.count(scan.seen, "file seen", "files seen")
    return ""


def tag_headline(tags: TagProgress) -> str:
    """What is done about tags, and how far it is."""
    numbers = QLocale()
    doing = "Proposing paused" if tags.paused else _TAG_WORK[tags.work]
    return f"{doing}: {numbers.toString(tags.done)} of {numbers.toString(tags.total)}"


def tag_details(tags: TagProgress, *, pausing: bool) -> str:
    """How fast it goes and how long it takes; empty if there is no telling.

    Args:
        tags: How far it is.
        pausing: Whether the person asked for a pause; a language model ends its answer first.
    """
    if tags.paused:
        return ""
    if pausing:
        return "Pausing after this track"
    return _joined(rate_words(tags.rate, "track"), time_words(tags.seconds_left))


def tag_place(tags: TagProgress) -> str:
    """Where it is: the file in work, or what a language model does."""
    if tags.path or tags.paused or not tags.tokens_rate:
        return display_path(tags.path)
    return f"Model: {rate_words(tags.tokens_rate, 'token')}"


def _joined(*parts: str) -> str:
    return _DOT.join(part for part in parts if part)


class AnalysisBar(QWidget):
    """Shows `AnalysisProgress`, `ScanProgress` and `TagProgress` events as they come.

    What the person waits for goes first: work on tags, then the listening, then a scan.

    Args:
        parent: Qt's parent.
    """

    pause_toggled = Signal(bool)
    """True: the person wants a pause; False: to go on. The bar changes when the events say so."""
    tags_pause_toggled = Signal(bool)
    """The same for proposing tags."""
    attention_clicked = Signal()
    """The person asks which files failed."""
    cancel_clicked = Signal()
    """The person wants the work on tags ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._progress = _IDLE
        self._scan: ScanProgress | None = None
        self._tags: TagProgress | None = None
        self._tags_pausing = False
        self._line = QProgressBar()
        self._headline = QLabel()
        self._details = QLabel()
        self._file = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self._failed = QPushButton(icon("alert", Ink.ATTENTION), "")
        self._pause = QPushButton()
        self._cancel = QPushButton(icon("close", Ink.ACCENT), "Cancel")
        self._lay_out()
        self._pause.clicked.connect(self._toggle_pause)
        self._failed.clicked.connect(self.attention_clicked)
        self._cancel.clicked.connect(self.cancel_clicked)
        self._refresh()

    def show_progress(self, progress: AnalysisProgress) -> None:
        """Shows how far the listening is."""
        self._progress = progress
        self._refresh()

    def show_scan(self, scan: ScanProgress) -> None:
        """Shows that folders are looked through; what is listened to meanwhile goes first."""
        self._scan = scan
        self._refresh()

    def show_tags(self, tags: TagProgress) -> None:
        """Shows how far work on tags is; the listening goes on behind it."""
        self._tags = tags if tags.running else None
        self._tags_pausing &= tags.running
        self._refresh()

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Analysis")
        self._line.setTextVisible(False)
        self._line.setAccessibleName("Analysis progress")
        theme.set_property(self._line, "thin", "true")
        theme.set_role(self._details, theme.Role.MUTED)
        theme.set_role(self._file, theme.Role.SMALL)
        theme.set_role(self._failed, theme.Role.ATTENTION)
        theme.set_role(self._pause, theme.Role.LINK)
        theme.set_role(self._cancel, theme.Role.LINK)
        self._cancel.setToolTip("End this after the file in work; what was done is kept")
        for button in (self._failed, self._pause, self._cancel):
            button.setIconSize(_BUTTON_ICON)
        self._failed.setToolTip("Show the files that could not be analysed, each with its reason")

        row = QHBoxLayout()
        row.setContentsMargins(14, 0, 10, 0)
        row.setSpacing(12)
        row.addWidget(self._headline)
        row.addWidget(self._details)
        row.addWidget(self._file, 1)
        row.addWidget(self._failed)
        row.addWidget(self._pause)
        row.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._line)
        column.addLayout(row, 1)
        self.setFixedHeight(max(34, self.fontMetrics().height() + 16))

    def _refresh(self) -> None:
        self._cancel.setVisible(self._tags is not None)
        if self._tags is None:
            self._show_analysis()
        else:
            self._show_tag_work(self._tags)
        self._line.setAccessibleDescription(f"{self._headline.text()} {self._details.text()}")

    def _show_tag_work(self, tags: TagProgress) -> None:
        self._headline.setText(tag_headline(tags))
        theme.set_role(self._headline, theme.Role.STRONG)
        self._show_details(tag_details(tags, pausing=self._tags_pausing))
        self._file.setText(tag_place(tags))
        self._line.setRange(0, max(1, tags.total))
        self._line.setValue(tags.done)
        theme.set_property(self._line, "paused", str(tags.paused).lower())
        self._failed.hide()
        self._pause.setVisible(tags.work is TagWork.PROPOSE)
        self._show_pause(self._tags_pausing, "proposing tags")

    def _show_analysis(self) -> None:
        progress, scan = self._progress, self._scan
        listening = progress.done < progress.total
        scanning = scan is not None and scan.running and not listening
        self._headline.setText(headline(progress, scan))
        idle = not listening and not scanning
        theme.set_role(self._headline, theme.Role.MUTED if idle else theme.Role.STRONG)
        self._show_details(details(progress, scan))
        self._file.setText(self._current_file(scanning))

        # A range of nothing is Qt's way to say "busy, no telling how far".
        total = 0 if scanning else max(1, progress.total)
        self._line.setRange(0, total)
        self._line.setValue(progress.done if listening else 0)
        theme.set_property(self._line, "paused", str(progress.paused).lower())

        self._failed.setVisible(progress.failed > 0)
        needs = text.count(progress.failed, "file needs attention", "files need attention")
        self._failed.setText(needs)
        self._pause.setVisible(listening)
        self._show_pause(progress.paused, "the analysis")

    def _show_details(self, words: str) -> None:
        self._details.setText(words)
        self._details.setVisible(bool(words))

    def _show_pause(self, paused: bool, what: str) -> None:
        name = "Resume" if paused else "Pause"
        self._pause.setText(name)
        self._pause.setIcon(icon("play" if paused else "pause", Ink.ACCENT))
        self._pause.setToolTip(f"{name} {what}")
        self._pause.setAccessibleName(f"{name} {what}")

    def _current_file(self, scanning: bool) -> str:
        if scanning and self._scan is not None:
            return display_path(self._scan.path)
        if self._progress.paused or self._progress.done >= self._progress.total:
            return ""
        return display_path(self._progress.current[0]) if self._progress.current else ""

    def _toggle_pause(self) -> None:
        if self._tags is None:
            self.pause_toggled.emit(not self._progress.paused)
        else:
            self._tags_pausing = not self._tags_pausing
            self.tags_pause_toggled.emit(self._tags_pausing)
            self._refresh()
