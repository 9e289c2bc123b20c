"""The dialog that asks which part of a track is to be taken apart."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base import timecode
from msa_desktop.base.model import Track, TrackId
from msa_desktop.ui import text, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.span_view import SpanView
from msa_desktop.ui.theme import Role
from msa_desktop.ui.time_field import TimeField

LEAST = 1.0
"""Seconds: the shortest part."""

_FIRST = 30.0  # seconds that are offered
_WIDTH = 560


class PartDialog(QDialog):
    """Asks where a part begins and ends.

    Args:
        track: The track.
        duration: Its length in seconds; more than `LEAST`.
        part: What is offered: where it begins, and where it ends if that is not half a minute on.
        parent: Qt's parent.
    """

    agreed = Signal(float, object)
    """Where it begins, in seconds, and where it ends: None for the track's end."""

    def __init__(
        self,
        track: Track,
        duration: float,
        part: tuple[float, float | None] = (0.0, None),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Separate a part")
        self._duration = duration
        self._track = track
        self._view = SpanView(duration, LEAST)
        self._from = TimeField()
        self._to = TimeField()
        self._length = QLabel()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        separate = buttons.addButton("Separate", QDialogButtonBox.ButtonRole.AcceptRole)
        theme.set_role(separate, Role.PRIMARY)
        self._lay_out(buttons)
        self._from.setRange(0.0, duration - LEAST)
        self._to.setRange(LEAST, duration)
        begin = min(part[0], self._from.maximum())
        self._show(begin, min(part[1] or begin + _FIRST, self._to.maximum()))
        self._view.chosen.connect(self._show)
        self._from.valueChanged.connect(self._move_begin)
        self._to.valueChanged.connect(self._move_end)
        buttons.accepted.connect(self._agree)
        buttons.rejected.connect(self.reject)

    def show_peaks(self, track_id: TrackId, peaks: bytes) -> None:
        """Shows a waveform, if it is this track's."""
        if track_id == self._track.id:
            self._view.set_peaks(peaks)

    def _move_begin(self, begin: float) -> None:
        self._show(begin, max(self._to.value(), begin + LEAST))

    def _move_end(self, end: float) -> None:
        self._show(min(self._from.value(), end - LEAST), end)

    def _show(self, begin: float, end: float) -> None:
        self._view.set_span(begin, end)
        for field, seconds in ((self._from, begin), (self._to, end)):
            field.blockSignals(True)
            field.setValue(seconds)
            field.blockSignals(False)
        self._length.setText(
            f"{timecode.written(end - begin)} of {timecode.written(self._duration)}"
        )

    def _agree(self) -> None:
        for field in (self._from, self._to):  # what is typed: not every button takes the focus
            field.blockSignals(True)
            field.interpretText()
            field.blockSignals(False)
        self._move_begin(self._from.value())
        begin, end = self._from.value(), self._to.value()
        self.agreed.emit(begin, None if end >= self._to.maximum() else end)
        self.accept()

    def _lay_out(self, buttons: QDialogButtonBox) -> None:
        head = ElidedLabel()
        head.setText(text.by(self._track))
        theme.set_role(head, Role.TITLE)
        note = QLabel(
            "Drag over the waveform, or write the times. Only this part is taken apart, and the "
            "mixer plays it again and again."
        )
        note.setWordWrap(True)
        theme.set_role(note, Role.MUTED)
        theme.set_role(self._length, Role.MUTED)
        fields = QHBoxLayout()
        fields.setSpacing(10)
        for words, field in (("&From", self._from), ("&to", self._to)):
            label = QLabel(words)
            label.setBuddy(field)
            field.setAccessibleName(words.replace("&", "").capitalize())
            fields.addWidget(label)
            fields.addWidget(field)
        fields.addStretch(1)
        fields.addWidget(self._length)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 16)
        column.setSpacing(6)
        column.addWidget(head)
        column.addWidget(note)
        column.addSpacing(10)
        column.addWidget(self._view)
        column.addSpacing(6)
        column.addLayout(fields)
        column.addSpacing(12)
        column.addWidget(buttons)
        self.setMinimumWidth(_WIDTH)
