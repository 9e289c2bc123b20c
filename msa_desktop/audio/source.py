"""One audio file, opened: its sound stream, its length, and a way to any place in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Discard

from msa_desktop.base.errors import AudioError

_FORMATS = "aac,aiff,ape,asf,caf,dsf,flac,iff,matroska,mov,mp3,mp4,mpc,mpc8,ogg,tta,w64,wav,webm,wv"
_OPTIONS = {
    # Only audio files are opened, and nothing but the file itself: a playlist, a picture or a
    # web address in disguise is refused, so a file cannot make the program read another one.
    "format_whitelist": _FORMATS,
    "protocol_whitelist": "file",
    # WAV alone reaches this: FFmpeg would decode 5 MB to learn whether DTS hides in it.
    "max_probe_packets": "4",
}
# By the header's table or by proportion; otherwise FFmpeg reads the whole file to build an index.
_MP3_OPTIONS = {**_OPTIONS, "fflags": "+fastseek"}
_VBR_MARKS = (b"Xing", b"Info", b"VBRI")
_MP3_FRAME_MAX = 1441  # bytes: 320 kbit/s at 32 kHz, padded
_MAGIC = (b"ID3\x02", b"ID3\x03", b"ID3\x04", b"fLaC", b"OggS", b"RIFF", b"FORM", b"MAC ", b"wvpk")

AudioPacket: TypeAlias = "Packet[AudioStream]"  # PyAV's class takes no brackets at run time


class Source:
    """An open audio file.

    Args:
        path: As from `os.fsdecode`.

    Attributes:
        container: FFmpeg's view of the file.
        stream: The audio stream listened to. A cover picture is a stream too, so it need not be
            the first.

    Raises:
        AudioError: The file cannot be opened or holds no sound.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.container = _open(path)
        try:
            self.stream = _audio_stream(self.container)
        except BaseException:
            self.container.close()
            raise
        # FFmpeg's threads cost more than they bring: the program runs one worker a core.
        self.stream.codec_context.thread_count = 1
        self._tick = float(self.stream.time_base or 0)
        self._after_seek: float | None = None
        self._begin = (self.stream.start_time or 0) * self._tick  # seconds, on the stream's clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.container.close()

    @property
    def format(self) -> str:
        """FFmpeg's short name of the container, such as "mp3", "ogg" or "mov"."""
        return self.container.format.name.partition(",")[0]

    @property
    def claimed_duration(self) -> float:
        """Seconds, as the headers say or FFmpeg guesses from an MP3's size; 0 if nobody knows."""
        if self.format == "aac":  # bare AAC has no header, and its rate varies too much to guess
            return 0.0
        if self.stream.duration:
            return self.stream.duration * self._tick
        return (self.container.duration or 0) / 1e6

    def is_guess(self, packets: list[AudioPacket]) -> bool:
        """Whether `claimed_duration` comes from a bit rate that does not stay the same.

        So it is with MP3 of varying bit rate without a Xing or VBRI header.

        Args:
            packets: The first ones of the file.
        """
        sizes = [packet.size for packet in packets]
        if self.format != "mp3" or max(sizes) - min(sizes) <= 1:  # one byte is padding
            return False
        # FFmpeg steps over the frame that holds the header: it ends where the first packet begins.
        end = packets[0].pos or 0
        with Path(self._path).open("rb") as file:
            file.seek(max(0, end - _MP3_FRAME_MAX))
            skipped = file.read(min(end, _MP3_FRAME_MAX))
        return not any(mark in skipped for mark in _VBR_MARKS)

    def measured_duration(self) -> float:
        """The true length in seconds, by reading every packet from here on; decodes nothing."""
        return sum(self.length(packet) for _, packet in self.packets())

    def seek(self, seconds: float) -> None:
        """Goes to a packet at or before `seconds` after the first sample.

        Raises:
            FFmpegError: The file does not let itself be sought there.
        """
        self.container.seek(self._ticks(self._begin + seconds), stream=self.stream)
        self._after_seek = seconds

    def packets(self) -> Iterator[tuple[float, AudioPacket]]:
        """The stream's packets from here on, each with its time in seconds after the first sample.

        After a seek the time stamps say where it led to. From the beginning the lengths are added
        up instead: they stay true where stamps start anew or are missing. The last packet is empty
        and makes the decoder give what it still holds. The end of a broken file is an end.
        """
        demuxed = self.container.demux(self.stream)
        now = self._after_seek
        while True:
            try:
                packet = next(demuxed, None)
            except FFmpegError:
                return
            if packet is None:
                return
            if now is None:
                now = 0.0
            elif self._after_seek is not None and packet.pts is not None:
                now = packet.pts * self._tick - self._begin
            yield now, packet
            now += self.length(packet)

    def length(self, packet: AudioPacket) -> float:
        """How long a packet sounds, seconds; 0 where the container does not say."""
        return (packet.duration or 0) * self._tick

    def _ticks(self, seconds: float) -> int:
        return int(seconds / self._tick) if self._tick else 0


def broken(path: str, reason: str) -> AudioError:
    """The error for a file whose sound ends too early or cannot be decoded.

    Says so where it is not the file but its disk that failed: FFmpeg does not tell them apart.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            file.read(1)
    except OSError as error:
        told = AudioError(f"The file cannot be read: {error.strerror}.")
        told.__cause__ = error
        return told
    return AudioError(reason)


def _open(path: str) -> InputContainer:
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise AudioError("This is not a file but a folder, a pipe or a device.")
        if not status.st_size:
            raise AudioError("The file is empty.")
        options = _MP3_OPTIONS if path[-4:].lower() == ".mp3" else _OPTIONS
        # "file:" keeps a name such as "http:..." from being taken for an address.
        return av.open(f"file:{path}", "r", options=options, metadata_errors="surrogateescape")
    except FileNotFoundError:
        raise AudioError("The file is not there any more.") from None
    except PermissionError:
        raise AudioError(
            "The file may not be read. Give yourself the right to read it, then try again."
        ) from None
    except (InvalidDataError, ArgumentError, EOFError) as error:
        raise AudioError(_why_unknown(path)) from error
    except OSError as error:
        raise AudioError(f"The file cannot be read: {error.strerror}.") from error
    except FFmpegError as error:
        raise AudioError(f"FFmpeg cannot open the file: {error.strerror}.") from error


def _why_unknown(path: str) -> str:
    """The reason why FFmpeg found no audio format in a file that can be read."""
    with Path(path).open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":  # MP4 often has its index at the end, and nothing works without
        return "The file is cut off: the index at its end is missing."
    if head[:4] in _MAGIC:
        return "The file is cut off or damaged: no sound begins in it."
    return "This is not an audio file, or not of a kind that the program knows."


def _audio_stream(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise AudioError("The file holds no sound.")
    if stream.codec_context is None:  # an unknown or encrypted codec
        raise AudioError("FFmpeg cannot decode this kind of sound; it may be copy-protected.")
    if not stream.codec_context.sample_rate:
        raise AudioError("The file is cut off or damaged: no sound could be found in it.")
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream
