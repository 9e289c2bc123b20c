"""The mixer: a volume, mute and solo for each stem of the track that plays."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.services.stems import Separated
from msa_desktop.stems.mixing import Channel, gains
from msa_desktop.ui import text, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.icons import Ink, icon

_LETTER = QSize(24, 22)  # of the buttons M and S
_PERCENT = 100


def kind_words(kind: KindOfTrack) -> str:
    """What kind of track it is: "Song · 38 % voice"; empty where that is unknown."""
    words = "" if kind.kind is Kind.UNKNOWN else str(kind.kind).capitalize()
    if words and kind.vocal_share is not None:
        words += f" \N{MIDDLE DOT} {round(_PERCENT * kind.vocal_share)} % voice"
    return words


class MixerDesk(QWidget):
    """Shows the stems of one track side by side.

    Args:
        parent: Qt's parent.
    """

    changed = Signal()
    """Other gains are wanted."""
    export_clicked = Signal()
    """The person wants the stems as files."""
    close_clicked = Signal()
    """The person wants the plain track back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Separated | None = None
        self._channels: dict[str, ChannelStrip] = {}
        self._kind = QLabel()
        self._reset = _link("Reset", "reset", "Hear every stem at its full volume")
        self._export = _link("Export…", "download", "Write the stems into files of their own")
        self._close = QToolButton()
        self._row = QHBoxLayout()
        self._lay_out()
        self._reset.clicked.connect(self.reset)
        self._export.clicked.connect(self.export_clicked)
        self._close.clicked.connect(self.close_clicked)
        self.hide()

    def show_stems(self, separated: Separated) -> None:
        """Shows a track's stems; those shown before stay as the person set them."""
        self._kind.setText(_about(separated))
        self._kind.setVisible(bool(self._kind.text()))
        if self._shown is None or self._shown.stems != separated.stems:
            self._fill(separated.stems.record.sources, separated.kind.negligible)
        self._shown = separated
        self._refresh()

    def gains(self) -> dict[str, float]:
        """What each stem's sound is to be multiplied by."""
        return gains({name: strip.channel for name, strip in self._channels.items()})

    def audible(self) -> tuple[str, ...]:
        """The stems that are heard."""
        return tuple(name for name, gain in self.gains().items() if gain)

    def reset(self) -> None:
        """Has every stem heard at its full volume."""
        for strip in self._channels.values():
            strip.set_channel(Channel())
        self._change()

    def _fill(self, names: Sequence[str], negligible: Sequence[str]) -> None:
        for old in self._channels.values():
            old.hide()
            old.deleteLater()
        self._channels = {name: ChannelStrip(name, faint=name in negligible) for name in names}
        for strip in self._channels.values():
            strip.changed.connect(self._change)
            self._row.addWidget(strip, 1)

    def _change(self) -> None:
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        heard = self.audible()
        for name, strip in self._channels.items():
            strip.set_audible(name in heard)
        self._reset.setEnabled(any(strip.channel != Channel() for strip in self._channels.values()))

    def _lay_out(self) -> None:
        self.setAccessibleName("Mixer")
        title = QLabel("Stems")
        theme.set_role(title, theme.Role.STRONG)
        theme.set_role(self._kind, theme.Role.SMALL)
        self._close.setIcon(icon("close"))
        self._close.setToolTip("Close the mixer and hear the track as it is")
        self._close.setAccessibleName("Close the mixer")
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(title)
        head.addWidget(self._kind)
        head.addStretch(1)
        for button in (self._reset, self._export, self._close):
            head.addWidget(button)
        self._row.setSpacing(20)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 12, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(self._row)


class ChannelStrip(QWidget):
    """One stem: its name, mute, solo and volume.

    Args:
        name: As in `Record.sources`.
        faint: It holds as good as nothing.
        parent: Qt's parent.
    """

    changed = Signal()
    """The person set it otherwise."""

    def __init__(self, name: str, *, faint: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = text.stem(name)
        self._name = ElidedLabel()
        self._mute = _letter("mute", f"Mute {name}")
        self._solo = _letter("solo", f"Solo: hear {name} without the others")
        self._volume = QSlider(Qt.Orientation.Horizontal)
        self._lay_out(faint=faint)
        self._show_volume(self._volume.value())
        self._mute.toggled.connect(self.changed)
        self._solo.toggled.connect(self.changed)
        self._volume.valueChanged.connect(self._show_volume)
        self._volume.valueChanged.connect(self.changed)

    @property
    def channel(self) -> Channel:
        """How it is set."""
        volume = self._volume.value() / _PERCENT
        return Channel(volume, self._mute.isChecked(), self._solo.isChecked())

    def set_channel(self, channel: Channel) -> None:
        """Sets it, without `changed`."""
        self.blockSignals(True)
        self._volume.setValue(round(channel.volume * _PERCENT))
        self._mute.setChecked(channel.muted)
        self._solo.setChecked(channel.solo)
        self.blockSignals(False)

    def set_audible(self, audible: bool) -> None:
        """Shows whether it is heard."""
        theme.set_role(self._name, theme.Role.STRONG if audible else theme.Role.MUTED)
        theme.set_property(self._volume, "silent", str(not audible).lower())

    def _show_volume(self, percent: int) -> None:
        self._volume.setToolTip(f"Volume of {self._title.lower()}: {percent} %")

    def _lay_out(self, *, faint: bool) -> None:
        self._name.setText(f"{self._title}, faint" if faint else self._title)
        if faint:
            self._name.setToolTip("There is hardly anything in this stem")
        self._volume.setRange(0, _PERCENT)
        self._volume.setValue(_PERCENT)
        self._volume.setAccessibleName(f"Volume of {self._title.lower()}")
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._name, 1)
        head.addWidget(self._mute)
        head.addWidget(self._solo)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self._volume)


def _about(separated: Separated) -> str:
    """Which part of the track the stems are of, and what kind of track they make it."""
    part = "" if separated.whole else f"{text.span(*separated.span)}, repeated"
    return " \N{MIDDLE DOT} ".join(filter(None, (part, kind_words(separated.kind))))


def _letter(what: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setText(what[0].upper())
    theme.set_property(button, "letter", what)
    button.setCheckable(True)
    button.setFixedSize(_LETTER)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setToolTip(name)
    button.setAccessibleName(name)
    return button


def _link(words: str, picture: str, tip: str) -> QPushButton:
    button = QPushButton(icon(picture, Ink.ACCENT), words)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    theme.set_role(button, theme.Role.LINK)
    return button
