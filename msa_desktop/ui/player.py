"""The bar at the bottom of the window: what plays, its waveform, and the buttons."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFont, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.model import Track, TrackId
from msa_desktop.ui import text, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.waveform import WaveformView

if TYPE_CHECKING:
    from msa_desktop.stems.mixing import Mixer

_RESTART_AFTER = 3.0  # seconds; earlier than that, "previous" means the track before
_MESSAGE_ICON = 18
_MAY_BREAK = "\N{ZERO WIDTH SPACE}"


class PlayerBar(QWidget):
    """Plays one track and asks for the others.

    Args:
        parent: Qt's parent.
        playback: What plays; its own by default.
    """

    wants_next = Signal()
    """The person asked for the next track, or this one ended."""
    wants_previous = Signal()
    playing_changed = Signal(object, bool)
    """The track's id or None, and whether it plays now."""
    position_changed = Signal(float)
    """Seconds from the start."""
    peaks_wanted = Signal(object)
    """The id of a track whose waveform `set_peaks` should bring."""
    volume_changed = Signal(int, bool)
    """0 to 100, and whether muted: worth remembering."""
    mix_ended = Signal(object)
    """The file is heard again, not by `leave_mix`: the error why the stems are not, or None."""

    def __init__(self, parent: QWidget | None = None, *, playback: Playback | None = None) -> None:
        super().__init__(parent)
        self._playback = playback or Playback(self)
        self._told: tuple[TrackId | None, bool] = (None, False)
        self._previous = _button("previous", "Previous track")
        self._toggle = _button("play", "Play")
        self._next = _button("next", "Next track")
        self._title = ElidedLabel()
        self._artist = ElidedLabel()
        self._elapsed = _time_label(Qt.AlignmentFlag.AlignRight)
        self._total = _time_label(Qt.AlignmentFlag.AlignLeft)
        self._waveform = WaveformView()
        self._message_icon = QLabel()
        self._message = QLabel()
        self._middle = QStackedWidget()
        self._mixer = _button("mixer", "Mixer")
        self._mute = _button("volume", "Mute")
        self._volume = QSlider(Qt.Orientation.Horizontal)
        self._column = QVBoxLayout(self)
        self._lay_out()
        self._connect()
        self._show_duration(0.0)
        self._refresh()

    # --- what is so ---

    @property
    def available(self) -> bool:
        """Whether this computer can play at all."""
        return not self.unavailable_reason

    @property
    def unavailable_reason(self) -> str:
        """Why it cannot, in words; empty if it can."""
        self._playback.load()
        return self._playback.unavailable_reason

    @property
    def track(self) -> Track | None:
        """The track that plays, is paused, or failed to play."""
        return self._playback.track

    @property
    def playing(self) -> bool:
        """Whether sound comes out now."""
        return self._playback.playing

    @property
    def position(self) -> float:
        """Seconds from the start of the track."""
        return self._playback.position

    @property
    def message(self) -> str:
        """The words shown in place of the waveform: why nothing plays. Empty if all is well."""
        return self._playback.unavailable_reason or self._playback.problem

    # --- what can be asked ---

    def play(self, track: Track) -> None:
        """Plays `track` from its start; what keeps it from playing is said in the bar."""
        self._waveform.set_peaks(None)
        self._playback.play(track)
        self._show_duration(track.info.duration if track.info else 0.0)
        self._show_position(0.0)
        self.peaks_wanted.emit(track.id)

    def toggle(self) -> None:
        """Pauses, or goes on."""
        self._playback.toggle()

    def stop(self) -> None:
        """Stops, and goes back to the start of the track."""
        self._playback.stop()

    def set_peaks(self, track_id: TrackId, peaks: bytes | None) -> None:
        """Shows a waveform, if it is still the one of the track in the bar."""
        if self.track is not None and self.track.id == track_id:
            self._waveform.set_peaks(peaks)

    def set_volume(self, percent: int, muted: bool) -> None:
        """Sets the loudness, 0 to 100, as `volume_changed` told it."""
        self._volume.setValue(percent)  # a new volume unmutes
        self._mute.setChecked(muted)

    def enter_mix(self, mixer: Mixer) -> None:
        """Has the track's stems heard in the place of its file (see `Playback`)."""
        self._playback.enter_mix(mixer)

    def leave_mix(self) -> None:
        """Has the file heard again."""
        self._playback.leave_mix()

    def add_panel(self, panel: QWidget) -> None:
        """Puts something that belongs to the player above its buttons."""
        self._column.insertWidget(self._column.count() - 1, panel)

    def set_mixer_action(self, action: QAction) -> None:
        """Gives the player a button for an action that is on or off; seen while it can be used."""
        self._mixer.setToolTip(action.toolTip())
        self._mixer.toggled.connect(action.setChecked)
        action.toggled.connect(self._mixer.setChecked)
        action.enabledChanged.connect(self._mixer.setVisible)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The window is drawn first; then QtMultimedia loads, and the bar says if it could not.
        QTimer.singleShot(0, self._playback.load)

    # --- how it looks ---

    def _lay_out(self) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Player")
        theme.set_role(self, theme.Role.BAR)
        theme.set_role(self._toggle, theme.Role.PRIMARY)
        theme.set_role(self._artist, theme.Role.SMALL)
        theme.set_role(self._message, theme.Role.MUTED)
        self._toggle.setFixedSize(34, 34)
        self._title.setMinimumWidth(120)
        self._message.setWordWrap(True)
        # A long name without spaces must not make the window wide.
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._mixer.setCheckable(True)
        self._mixer.hide()
        self._mute.setCheckable(True)
        self._volume.setRange(0, 100)
        self._volume.setValue(100)
        self._volume.setFixedWidth(96)
        self._volume.setAccessibleName("Volume")
        self._volume.setToolTip("Volume")

        words = QVBoxLayout()
        words.setSpacing(1)
        words.addStretch()
        words.addWidget(self._title)
        words.addWidget(self._artist)
        words.addStretch()

        sound = _row(self._elapsed, self._waveform, self._total)
        message = _row(self._message_icon, self._message)
        message.setStretch(1, 1)
        for row in (sound, message):
            page = QWidget()
            page.setLayout(row)
            self._middle.addWidget(page)

        bar = QWidget()
        bar.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        bar.setFixedHeight(max(72, 3 * self.fontMetrics().lineSpacing() + 20))
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(bar)
        self._fill(QHBoxLayout(bar), words)

    def _fill(self, row: QHBoxLayout, words: QVBoxLayout) -> None:
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(4)
        for button in (self._previous, self._toggle, self._next):
            row.addWidget(button)
        row.addSpacing(8)
        row.addLayout(words, 2)
        row.addSpacing(8)
        row.addWidget(self._middle, 5)
        row.addSpacing(8)
        row.addWidget(self._mixer)
        row.addWidget(self._mute)
        row.addWidget(self._volume)

    def _connect(self) -> None:
        self._toggle.clicked.connect(self.toggle)
        self._next.clicked.connect(self.wants_next)
        self._previous.clicked.connect(self._go_back)
        self._mute.toggled.connect(self._apply_volume)
        self._volume.valueChanged.connect(self._change_volume)
        self._waveform.seek_requested.connect(self._playback.seek)
        self._playback.changed.connect(self._refresh)
        self._playback.position_changed.connect(self._show_position)
        self._playback.duration_changed.connect(self._show_duration)
        self._playback.ended.connect(self.wants_next)
        self._playback.mix_ended.connect(self.mix_ended)

    def _refresh(self) -> None:
        track, playing = self.track, self.playing
        usable = track is not None and not self._playback.unavailable_reason
        self._title.setText(track.title if track else "Nothing is playing")
        self._artist.setText(track.tags.artist if track else "Double-click a track to play it")
        self._artist.setVisible(bool(self._artist.text()))
        theme.set_role(self._title, theme.Role.STRONG if track else theme.Role.MUTED)
        name = "pause" if playing else "play"
        self._toggle.setIcon(icon(name, Ink.ON_ACCENT))
        _name(self._toggle, name.title())
        for button in (self._previous, self._toggle, self._next):
            button.setEnabled(usable)
        self._waveform.setEnabled(usable)
        self._waveform.set_part(self._playback.part)
        self._show_message()
        told = (track.id if track else None, playing)
        if told != self._told:
            self._told = told
            self.playing_changed.emit(*told)

    def _show_message(self) -> None:
        self._message.setText(self.message.replace(os.sep, os.sep + _MAY_BREAK))
        self._message.setToolTip(self.message)
        problem = bool(self._playback.problem)
        picture = icon("alert", Ink.ATTENTION) if problem else icon("info", Ink.MUTED)
        ratio = self.devicePixelRatioF()
        self._message_icon.setPixmap(picture.pixmap(QSize(_MESSAGE_ICON, _MESSAGE_ICON), ratio))
        self._middle.setCurrentIndex(1 if self.message else 0)

    def _show_position(self, seconds: float) -> None:
        self._waveform.set_position(seconds)
        self._elapsed.setText(text.length(int(seconds)))
        self.position_changed.emit(seconds)

    def _show_duration(self, seconds: float) -> None:
        self._waveform.set_duration(seconds)
        words = text.length(int(seconds)) if seconds else ""
        self._total.setText(words)
        # As wide as it will get, so that the waveform keeps its place while the seconds run.
        width = self._elapsed.fontMetrics().horizontalAdvance("0" * max(4, len(words))) + 2
        self._elapsed.setFixedWidth(width)

    # --- what the person does ---

    def _go_back(self) -> None:
        begin = self._playback.part[0] if self._playback.part else 0.0
        if self.position - begin > _RESTART_AFTER:
            self._playback.seek(begin)
        else:
            self.wants_previous.emit()

    def _change_volume(self) -> None:
        if self._mute.isChecked():
            self._mute.setChecked(False)
        else:
            self._apply_volume()

    def _apply_volume(self) -> None:
        percent, muted = self._volume.value(), self._mute.isChecked()
        silent = muted or not percent
        self._mute.setIcon(icon("volume-mute" if silent else "volume"))
        _name(self._mute, "Unmute" if muted else "Mute")
        self._playback.set_volume(percent / 100, muted)
        self.volume_changed.emit(percent, muted)


def _button(picture: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(picture))
    button.setIconSize(QSize(theme.ICON_SIZE, theme.ICON_SIZE))
    # Reached with Tab; a click leaves the keys to the list the person works in.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    _name(button, name)
    return button


def _name(button: QToolButton, name: str) -> None:
    button.setAccessibleName(name)
    button.setToolTip(name)


def _time_label(side: Qt.AlignmentFlag) -> QLabel:
    label = QLabel()
    label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    theme.set_role(label, theme.Role.SMALL)
    font = label.font()
    font.setFeature(QFont.Tag("tnum"), 1)  # digits of one width, where the font has them
    label.setFont(font)
    return label


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    return row
