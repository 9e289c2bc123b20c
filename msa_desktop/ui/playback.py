"""Plays one track at a time through QtMultimedia, and says in words what keeps it from playing."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, QUrl, Signal

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Track, display_path
from msa_desktop.ui import playback_words
from msa_desktop.ui.stem_playback import StemPlayback

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioDevice, QAudioOutput, QMediaDevices, QMediaPlayer

    from msa_desktop.stems.mixing import Mixer

_log = logging.getLogger(__name__)


class Playback(QObject):
    """The state of playing, without a face.

    The track's file is heard, or the mix of its stems in the file's place.

    QtMultimedia is loaded by `load`, not with the module: it brings FFmpeg into the process, and
    where it cannot load (a system without libpulse, say) everything else must work.

    Args:
        parent: Qt's parent.
        needs_output: Refuse to play where there is no sound output. False plays into silence.
    """

    changed = Signal()
    """The track, whether it plays, the problem or the availability is another one."""
    position_changed = Signal(float)
    """Seconds from the start."""
    duration_changed = Signal(float)
    """Seconds; better than the tags' when the file has been opened."""
    ended = Signal()
    """The track played to its end."""
    mix_ended = Signal(object)
    """The file is heard again, not by `leave_mix`: the error why the stems are not, or None."""

    def __init__(self, parent: QObject | None = None, *, needs_output: bool = True) -> None:
        super().__init__(parent)
        self._needs_output = needs_output
        self._loaded = False
        self._reason = ""
        self._track: Track | None = None
        self._problem = ""
        self._opened = False
        self._volume = 1.0
        self._muted = False
        self._handle: int | None = None
        self._devices: QMediaDevices | None = None
        self._output: QAudioOutput | None = None
        self._player: QMediaPlayer | None = None
        self._mix: StemPlayback | None = None

    # --- what is so ---

    @property
    def unavailable_reason(self) -> str:
        """Why nothing can be played here, in words; empty if it can. Known after `load`."""
        return self._reason

    @property
    def track(self) -> Track | None:
        """The track that plays, is paused, or failed to play."""
        return self._track

    @property
    def problem(self) -> str:
        """Why the track cannot be played, in words; empty if it can."""
        return self._problem

    @property
    def playing(self) -> bool:
        """Whether sound comes out now."""
        if self._mix is not None:
            return self._mix.playing
        return self._player is not None and self._player.isPlaying()

    @property
    def position(self) -> float:
        """Seconds from the start of the track."""
        if self._mix is not None:
            return self._mix.position
        return self._player.position() / 1000 if self._player is not None else 0.0

    @property
    def part(self) -> tuple[float, float] | None:
        """The only seconds of the track that are heard, again and again; None for all of it."""
        mix = self._mix
        return (mix.begin, mix.end) if mix is not None and mix.repeats else None

    # --- what can be asked ---

    def load(self) -> None:
        """Loads QtMultimedia, once."""
        if self._loaded:
            return
        self._loaded = True
        try:
            # Late for start-up cost, and because it may be missing.
            from PySide6.QtMultimedia import (  # noqa: PLC0415
                QAudioOutput,
                QMediaDevices,
                QMediaPlayer,
            )
        except ImportError as error:
            _log.warning("QtMultimedia cannot be loaded: %s", error)
            self._reason = playback_words.missing_library(str(error))
            self.changed.emit()
            return
        self._devices = QMediaDevices(self)
        self._output = QAudioOutput(self)
        self._player = QMediaPlayer(self)
        _look_up_overrides(self._output)
        self._player.setAudioOutput(self._output)
        self._apply_volume()
        self._devices.audioOutputsChanged.connect(self._look_for_output)
        self._player.playbackStateChanged.connect(self.changed)
        self._player.positionChanged.connect(self._tell_position)
        self._player.durationChanged.connect(self._tell_duration)
        self._player.mediaStatusChanged.connect(self._notice_end)
        self._player.errorOccurred.connect(self._fail)
        self._look_for_output()

    def play(self, track: Track) -> None:
        """Plays `track` from its start. What keeps it from playing is told by `problem`."""
        self.load()
        same = self._track is not None and self._track.id == track.id
        if self._mix is not None and same and not self._mix.repeats and not self._reason:
            self._mix.seek(0.0)
            self._mix.play()
            return
        self._drop_mix()
        self._forget_source()
        self._track = track
        self._problem = ""
        if self._player is None or self._reason:
            self.changed.emit()
            return
        if track.offline:
            self._problem = (
                f"The disk with this track is not there: {playback_words.short_path(track.path)}. "
                "Connect it and play again."
            )
        else:
            self._open(self._player, track.path)
        self.changed.emit()

    def toggle(self) -> None:
        """Pauses, or goes on; tries again after a problem."""
        if self._track is None or (self._mix is not None and self._reason):
            return
        if self._mix is not None:
            self._mix.toggle()
        elif self._player is None or not self._opened or self._problem or self._reason:
            self.play(self._track)
        elif self._player.isPlaying():
            self._player.pause()
        else:
            self._player.play()

    def stop(self) -> None:
        """Stops, and goes back to the start of the track."""
        if self._mix is not None:
            self._mix.pause()
            self._mix.seek(0.0)
        if self._player is not None:
            self._player.stop()

    def seek(self, seconds: float) -> None:
        """Goes to a place in the track."""
        if self._mix is not None:
            self._mix.seek(seconds)
        elif self._player is not None:
            self._player.setPosition(round(seconds * 1000))

    def enter_mix(self, mixer: Mixer) -> None:
        """Has the track's stems heard in the place of its file, from the same position on.

        Args:
            mixer: Of the whole track, or of a part, which it repeats; closed when the file is heard
                again.
        """
        # A file that cannot be played was to be.
        playing, position = self.playing or bool(self._problem), self.position
        self._drop_mix()
        self.load()
        if self._player is not None:
            playing |= self._player.mediaStatus().name == "LoadingMedia"  # it was about to
            self._player.pause()
        self._problem = ""
        mix = self._mix = StemPlayback(mixer, self._device(), self)
        mix.changed.connect(self.changed)
        mix.position_changed.connect(self.position_changed)
        mix.ended.connect(self.ended)
        mix.failed.connect(self._fail_mix)
        self._apply_volume()
        mix.seek(position if mix.begin <= position < mix.end else mix.begin)
        if not mix.repeats:
            self.duration_changed.emit(mix.end)
        if playing:
            mix.play()
        self.changed.emit()

    def leave_mix(self) -> None:
        """Has the file heard again, from the same position on."""
        if self._mix is not None:
            self._go_back(playing=self._mix.playing)

    def set_volume(self, share: float, muted: bool) -> None:
        """Sets the loudness.

        Args:
            share: 0 to 1 as it is heard: 0.5 sounds half as loud.
            muted: Silent, whatever the volume.
        """
        self._volume = share
        self._muted = muted
        self._apply_volume()

    # --- how it is done ---

    def _apply_volume(self) -> None:
        if self._output is not None:
            self._output.setVolume(self._linear_volume())
            self._output.setMuted(self._muted)
        if self._mix is not None:
            self._mix.set_volume(0.0 if self._muted else self._linear_volume())

    def _linear_volume(self) -> float:
        if self._output is None:
            return self._volume
        from PySide6.QtMultimedia import QAudio  # noqa: PLC0415 - loaded by now

        scale = QAudio.VolumeScale
        return QAudio.convertVolume(
            self._volume, scale.LogarithmicVolumeScale, scale.LinearVolumeScale
        )

    def _device(self) -> QAudioDevice | None:
        """What sound comes out of; None where there is nothing."""
        device = self._output.device() if self._output is not None else None
        return None if device is None or device.isNull() else device

    def _go_back(self, *, playing: bool) -> None:
        """From the mix to the file."""
        mix = self._mix
        at_end = mix is not None and not mix.repeats and mix.position >= mix.end
        position = 0.0 if at_end else self.position
        self._close_mix()
        if self._track is not None and not self._file_is_heard():
            self.play(self._track)  # says again why it is not
            return
        if self._player is not None:
            self._player.setPosition(round(position * 1000))
            self._tell_duration(self._player.duration())
            if playing:
                self._player.play()
        self.changed.emit()

    def _file_is_heard(self) -> bool:
        """Whether nothing kept the track's file from playing, as far as is known."""
        return self._player is None or (self._opened and self._player.error().name == "NoError")

    def _fail_mix(self, error: Exception) -> None:
        self._go_back(playing=True)
        self.mix_ended.emit(error)

    def _drop_mix(self) -> None:
        """Ends the mix because another one, or another track, takes its place."""
        if self._mix is not None:
            self._close_mix()
            self.mix_ended.emit(None)

    def _close_mix(self) -> None:
        mix, self._mix = self._mix, None
        if mix is not None:
            mix.close()
            mix.deleteLater()

    def _open(self, player: QMediaPlayer, path: str) -> None:
        try:
            url = self._url(path)
        except UserError as error:
            self._problem = str(error)
            return
        player.setSource(url)
        self._opened = True
        player.play()

    def _url(self, path: str) -> QUrl:
        if _is_utf8(path):
            return QUrl.fromLocalFile(path)
        # A URL is text, so a name of other bytes has none; but the open file has one in /proc.
        # (A QFile made here will not do: FFmpeg's threads would call into Python to read it.)
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise UserError(playback_words.cannot_open(path, error)) from error
        open_file = f"/proc/self/fd/{self._handle}"
        if not os.path.exists(open_file):
            raise UserError(
                "The player cannot open names that are not UTF-8 text: "
                f"{playback_words.short_path(path)}. Rename the file to play it."
            )
        return QUrl.fromLocalFile(open_file)

    def _forget_source(self) -> None:
        self._opened = False
        if self._player is not None:
            self._player.setSource(QUrl())
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _look_for_output(self) -> None:
        if self._devices is None or self._output is None:
            return
        reason = (
            ""
            if self._devices.audioOutputs() or not self._needs_output
            else playback_words.NO_OUTPUT
        )
        self._output.setDevice(self._devices.defaultAudioOutput())
        if self._mix is not None:
            self._mix.set_device(self._device())
        if reason:
            self.stop()
        self._reason = reason
        self.changed.emit()

    def _tell_position(self, milliseconds: int) -> None:
        if self._mix is None:
            self.position_changed.emit(milliseconds / 1000)

    def _tell_duration(self, milliseconds: int) -> None:
        if milliseconds > 0:
            self.duration_changed.emit(milliseconds / 1000)

    def _notice_end(self, status: QMediaPlayer.MediaStatus) -> None:
        if status.name == "EndOfMedia":
            # Whoever hears of the end plays the next track: not in the middle of this signal.
            QTimer.singleShot(0, self._tell_end)

    def _tell_end(self) -> None:
        # Asked again, for by now the person may have picked another track.
        if self._player is not None and self._player.mediaStatus().name == "EndOfMedia":
            self.ended.emit()

    def _fail(self, error: QMediaPlayer.Error, words: str) -> None:
        if self._track is None or self._mix is not None or error.name == "NoError":
            return  # where the stems are heard, the file is not needed
        _log.warning("cannot play %s: %s: %s", display_path(self._track.path), error.name, words)
        self._problem = playback_words.cannot_play(self._track.path, error.name, words)
        self.changed.emit()


def _look_up_overrides(output: QAudioOutput) -> None:
    """Keeps FFmpeg's audio thread out of Python, where it would wait for ever.

    PySide looks for a Python override of `disconnectNotify` at an object's first disconnection,
    holding the interpreter's lock. Left alone, that is when the audio thread ends, while this
    thread waits for it inside QMediaPlayer.stop() and holds the lock: the window freezes. A first
    disconnection here has the look-up done.
    """
    receiver = QObject()
    output.volumeChanged.connect(receiver.deleteLater)
    del receiver


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
