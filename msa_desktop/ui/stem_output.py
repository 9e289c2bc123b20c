"""Where mixed stems go: the computer's sound output, or nowhere at the same speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QElapsedTimer

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioDevice

_AHEAD = 0.2  # seconds that an output takes in advance: so late is a change of the mix heard
_FULL_SCALE = 32767
_WELL = ("NoError", "UnderrunError")  # an underrun is over when there is sound again


class Output(Protocol):
    """Takes sound as fast as it is heard. Its numbers are samples, of all channels at once."""

    def room(self) -> int:
        """How many more it takes now.

        Raises:
            UserError: It does not work any more.
        """

    def held(self) -> int:
        """How many it has that were not heard yet."""

    def write(self, sound: FloatArray) -> None:
        """Takes the next ones, shape (n, channels); no more than there is room for."""

    def stop(self) -> None:
        """Falls silent, and forgets what was not heard."""

    def set_volume(self, volume: float) -> None:
        """Sets the loudness: 0 to 1, as samples are multiplied."""


class Speaker:
    """A sound output of the computer.

    Args:
        device: Which.
        rate: Hz.
        channels: How many.

    Raises:
        UserError: It takes no such sound.
    """

    def __init__(self, device: QAudioDevice, rate: int, channels: int) -> None:
        from PySide6.QtMultimedia import QAudioFormat, QAudioSink  # noqa: PLC0415 - loaded by now

        form = QAudioFormat()
        form.setSampleRate(rate)
        form.setChannelCount(channels)
        form.setSampleFormat(QAudioFormat.SampleFormat.Float)
        self._floats = device.isFormatSupported(form)
        if not self._floats:
            form.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        self._frame = form.bytesPerFrame()
        self._sink = QAudioSink(device, form)
        self._sink.setBufferSize(round(_AHEAD * rate) * self._frame)
        self._into = self._sink.start()  # without a device to read from it gives one to write to
        self._check()

    def room(self) -> int:
        self._check()
        return self._sink.bytesFree() // self._frame

    def held(self) -> int:
        return max(0, self._sink.bufferSize() - self._sink.bytesFree()) // self._frame

    def write(self, sound: FloatArray) -> None:
        if self._floats:
            self._into.write(sound.tobytes())
        else:
            self._into.write((sound * _FULL_SCALE).astype("<i2").tobytes())

    def stop(self) -> None:
        self._sink.reset()

    def set_volume(self, volume: float) -> None:
        self._sink.setVolume(volume)

    def _check(self) -> None:
        if self._sink.error().name not in _WELL:
            raise UserError(
                "The sound output does not play the stems. Choose another one in the system's "
                "settings, or export the stems."
            )


class Silence:
    """Takes sound as fast as an output would, for where there is none.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int) -> None:
        self._size = round(_AHEAD * rate)
        self._rate = rate
        self._clock = QElapsedTimer()
        self._clock.start()
        self._held = 0.0

    def room(self) -> int:
        return self._size - self.held()

    def held(self) -> int:
        seconds = self._clock.nsecsElapsed() / 1e9
        self._clock.restart()
        self._held = max(0.0, self._held - seconds * self._rate)
        return round(self._held)

    def write(self, sound: FloatArray) -> None:
        self._held += len(sound)

    def stop(self) -> None:
        self._held = 0.0

    def set_volume(self, volume: float) -> None:
        del volume
