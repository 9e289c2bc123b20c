"""Plays the stems of a track, mixed, through one sound output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from msa_desktop.base.errors import UserError
from msa_desktop.ui.stem_output import Output, Silence, Speaker

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioDevice

    from msa_desktop.stems.mixing import Mixer

_FEED_MS = 20
_TELL_EVERY = 0.05  # seconds of sound between two positions told


class StemPlayback(QObject):
    """Plays a mixer.

    The sound is pushed by the GUI thread. Qt's audio thread never calls into Python: it would wait
    for the interpreter's lock, and this thread, holding that, for it.

    Args:
        mixer: The stems; closed by `close`.
        device: Where they are heard; None plays into silence, at the right speed.
        parent: Qt's parent.
    """

    changed = Signal()
    """It plays now, or it does not."""
    position_changed = Signal(float)
    """Seconds from the start of the track."""
    ended = Signal()
    """All was heard."""
    failed = Signal(Exception)
    """Why it cannot play, or go on playing."""

    def __init__(
        self, mixer: Mixer, device: QAudioDevice | None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._device = device
        self._volume = 1.0
        self._output: Output | None = None
        self._told = -1.0
        self._timer = QTimer(self, interval=_FEED_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._feed)

    @property
    def playing(self) -> bool:
        """Whether sound comes out now."""
        return self._output is not None

    @property
    def repeats(self) -> bool:
        """Whether it begins again at the end."""
        return self._mixer.repeats

    @property
    def begin(self) -> float:
        """Where in the track the stems begin, in seconds."""
        return self._mixer.begin / self._mixer.rate

    @property
    def end(self) -> float:
        """Where in the track they end, in seconds."""
        return (self._mixer.begin + self._mixer.samples) / self._mixer.rate

    @property
    def position(self) -> float:
        """Seconds from the start of the track, as heard."""
        return (self._mixer.begin + self._heard()) / self._mixer.rate

    def play(self) -> None:
        """Goes on, or begins again at the end."""
        if self._output is not None:
            return
        if self._mixer.at_end:
            self._mixer.seek(0)
        self._start()

    def pause(self) -> None:
        """Stops where it is."""
        if self._silence():
            self.changed.emit()

    def toggle(self) -> None:
        """Pauses, or goes on."""
        if self._output is None:
            self.play()
        else:
            self.pause()

    def seek(self, seconds: float) -> None:
        """Goes to a place in the track, or to the nearest that there are stems of."""
        again = self._silence()
        self._mixer.seek(round(seconds * self._mixer.rate) - self._mixer.begin)
        self._tell()
        if again:
            self._start()

    def set_volume(self, volume: float) -> None:
        """Sets the loudness of it all: 0 to 1, as samples are multiplied."""
        self._volume = volume
        if self._output is not None:
            self._output.set_volume(volume)

    def set_device(self, device: QAudioDevice | None) -> None:
        """Goes on through another output."""
        if device == self._device:
            return
        again = self._silence()
        self._device = device
        if again:
            self._start()

    def close(self) -> None:
        """Stops, and closes the stems' files."""
        self._silence()
        self._mixer.close()

    def _start(self) -> None:
        try:
            self._output = self._open()
        except UserError as error:
            self.failed.emit(error)
            return
        self._output.set_volume(self._volume)
        self._timer.start()
        if not self._mixer.at_end:  # that is told later, not in the middle of a seek
            self._feed()
        self.changed.emit()

    def _silence(self) -> bool:
        """Ends the output; returns whether there was one."""
        if self._output is None:
            return False
        heard = self._heard()
        self._timer.stop()
        self._output.stop()
        self._output = None
        self._mixer.seek(heard)
        return True

    def _heard(self) -> int:
        """The sample of the stems that is heard now."""
        held = self._output.held() if self._output is not None else 0
        at = self._mixer.position - held
        return at % self._mixer.samples if at < 0 and self.repeats else max(0, at)

    def _open(self) -> Output:
        if self._device is None:
            return Silence(self._mixer.rate)
        return Speaker(self._device, self._mixer.rate, self._mixer.channels)

    def _feed(self) -> None:
        output = self._output
        if output is None:
            return
        try:
            sound = self._mixer.read(output.room())
            if len(sound):
                output.write(sound)
        except UserError as error:
            self._silence()
            self.failed.emit(error)
            return
        if abs(self.position - self._told) >= _TELL_EVERY:
            self._tell()
        if self._mixer.at_end and not output.held():
            self._silence()
            self._tell()
            self.changed.emit()
            self.ended.emit()

    def _tell(self) -> None:
        self._told = self.position
        self.position_changed.emit(self._told)
