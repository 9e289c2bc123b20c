"""A file's first look (tags, length, identity) and the windows of sound that encoders hear.

Windows are reached by seeking, so a track costs the same whatever its length. Where a file's
claims turn out wrong (cut off, no index, nonsense in its header), one pass over its packets
measures it and another decodes the windows alone. Loaded by worker processes only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from msa_desktop.audio import metadata
from msa_desktop.audio.source import AudioPacket, Source, broken
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import AudioInfo, FloatArray, Reading, WindowSpec

_ID_BYTES = 256 * 1024
_ID_BYTES_READ = 4 * 1024 * 1024
_ID_PLACES = 16  # looked at throughout a track that begins with a long silence

_PREROLL = 0.1  # seconds decoded and thrown away: a lossy decoder's first frames are wrong
_WHOLE = 0.9  # of a window must have been decoded; the rest is repeated
_SHORTEST = 0.4  # seconds of sound worth listening to
_GOOD_PART = 0.5  # of the sound that the file claims to have must be there
_QUIET = 0.001  # peak (-60 dB) below which a window tells nothing
_BAD_PACKETS = 50  # in one window, then it is given up


def read(path: str) -> Reading:
    """Reads tags and facts; decodes nothing.

    Raises:
        AudioError: Not an audio file, or one that holds no sound.
    """
    with Source(path) as source:
        packets = list(_first_packets(source))
        if not packets:
            raise broken(path, "The file is cut off: it ends before its sound begins.")
        duration = source.claimed_duration
        if not duration or source.is_guess(packets):
            duration = sum(map(source.length, packets)) + source.measured_duration()
        context = source.stream.codec_context
        info = AudioInfo(
            duration=duration,
            codec=context.codec.canonical_name,
            sample_rate=context.sample_rate,
            channels=context.channels,
            bit_rate=context.bit_rate or source.container.bit_rate or None,
        )
        tags = metadata.tags(source.container.metadata, source.stream.metadata)
        telling: Iterable[AudioPacket] = packets
        if sum(packet.size for packet in packets) >= _ID_BYTES_READ:
            telling = chain(packets, _spread_packets(source, duration))
        return Reading(info, tags, _sound_id(source, telling))


def _first_packets(source: Source) -> Iterator[AudioPacket]:
    """The packets that tell one sound from another.

    A packet like the one before it (silence) tells nothing and is not counted, so tracks that
    begin with silence are told apart all the same: here, or where even the most that is read tells
    too little, by `_spread_packets`.
    """
    counted = total = 0
    previous = b""
    for _, packet in source.packets():
        if not packet.size:
            return
        yield packet
        content = bytes(packet)
        total += len(content)
        if content != previous:
            counted += len(content)
        previous = content
        if counted >= _ID_BYTES or total >= _ID_BYTES_READ:
            return


def _spread_packets(source: Source, duration: float) -> Iterator[AudioPacket]:
    """Packets from places all over the track; together about as much as is counted elsewhere."""
    for place in range(1, _ID_PLACES + 1):
        try:
            source.seek(duration * place / (_ID_PLACES + 1))
        except FFmpegError:
            return
        total = 0
        for _, packet in source.packets():
            if not packet.size:
                break
            yield packet
            total += packet.size
            if total >= _ID_BYTES // _ID_PLACES:
                break


def _sound_id(source: Source, packets: Iterable[AudioPacket]) -> bytes:
    """Hash of what no tag editor changes.

    Of the codecs' own headers only FLAC's counts (it has the whole sound's MD5): Vorbis keeps its
    tags there.
    """
    context = source.stream.codec_context
    name = context.codec.canonical_name
    digest = hashlib.blake2b(digest_size=20)
    digest.update(f"{name} {context.sample_rate} {context.channels}".encode())
    if name == "flac":
        digest.update(context.extradata or b"")
    for packet in packets:
        digest.update(packet)
    return digest.digest()


def windows(path: str, spec: WindowSpec) -> FloatArray:
    """Decodes pieces spread evenly over the whole track, mixed to mono.

    Channels are averaged (FFmpeg's own weights beyond stereo). Pieces that are as good as silent
    are left out where others are not. A track shorter than one piece is repeated to fill it: zeros
    would be heard as a silence that is not in the music.

    Args:
        path: As from `os.fsdecode`.
        spec: Rate, length and number of the pieces.

    Returns:
        Shape (n, spec.samples), float32, -1 to 1, in the track's order; 1 <= n <= spec.count. A
        track shorter than spec.count pieces yields fewer; pieces never overlap.

    Raises:
        AudioError: Not an audio file, damaged, silent or too short.
    """
    return windows_at(path, spec, (spec.sample_rate,))[0]


def windows_at(path: str, spec: WindowSpec, rates: Sequence[int]) -> list[FloatArray]:
    """The same pieces at several rates, decoded once.

    Args:
        path: As for `windows`.
        spec: Length and number of the pieces; its own rate does not count.
        rates: Hz.

    Returns:
        What `windows` gives for each rate.

    Raises:
        AudioError: As `windows`.
    """
    with Source(path) as source:
        length = claimed = source.claimed_duration
        starts = _starts(claimed, spec)
        pieces = _sought(source, starts, spec.seconds, rates)
    if not claimed or 2 * len(_whole(pieces, claimed, spec.seconds)) < len(starts):
        with Source(path) as source:
            length = source.measured_duration()
        if length < _GOOD_PART * claimed:
            raise broken(
                path,
                f"The file is cut off: {length:.1f} s of its {claimed:.0f} s of sound are there.",
            )
        with Source(path) as source:
            pieces = _streamed(source, _starts(length, spec), spec.seconds, rates)
    good = _whole(pieces, length, spec.seconds)
    if not good:
        longest = max(pieces, key=lambda piece: piece.seconds, default=_NOTHING)
        if longest.seconds < _SHORTEST:
            raise broken(path, _why_nothing(longest.seconds, length))
        good = [longest]
    at_rates = [
        np.stack([np.resize(piece.sounds[k], round(spec.seconds * rate)) for piece in good])
        for k, rate in enumerate(rates)
    ]
    heard = _sounding(at_rates[0])
    return [pieces[heard] for pieces in at_rates]


def _starts(duration: float, spec: WindowSpec) -> list[float]:
    """Where pieces begin, in seconds: each in the middle of its share of the track.

    So the first and last moments, often silent or faded, are left out of all but short tracks.
    """
    count = max(1, min(spec.count, int(duration / spec.seconds)))
    share = duration / count
    return [max(0.0, (k + 0.5) * share - spec.seconds / 2) for k in range(count)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a track.

    Attributes:
        seconds: Its length.
        sounds: Its samples at each rate, mono.
    """

    seconds: float
    sounds: tuple[FloatArray, ...]


_NOTHING = _Piece(0.0, ())


def _sought(
    source: Source, starts: list[float], seconds: float, rates: Sequence[int]
) -> list[_Piece]:
    mixer = _Mixer(rates)
    pieces = []
    for start in starts:
        try:
            source.seek(max(0.0, start - _PREROLL))
        except FFmpegError:
            continue  # not seekable, or nothing lies there: told by the missing piece
        pieces.append(_piece(source, source.packets(), start, seconds, mixer))
    return pieces


def _streamed(
    source: Source, starts: list[float], seconds: float, rates: Sequence[int]
) -> list[_Piece]:
    mixer = _Mixer(rates)
    packets = source.packets()
    pieces = []
    for start in starts:
        source.stream.codec_context.flush_buffers()  # packets were skipped
        pieces.append(_piece(source, packets, start, seconds, mixer))
    return pieces


def _piece(
    source: Source,
    packets: Iterator[tuple[float, AudioPacket]],
    start: float,
    seconds: float,
    mixer: _Mixer,
) -> _Piece:
    """Decodes from `start` on; shorter than asked for where the sound ends or is damaged."""
    context = source.stream.codec_context
    begin: float | None = None
    bad = 0
    for time, packet in packets:
        length = source.length(packet)
        if length and time + length <= start - _PREROLL:
            continue
        try:
            frames = context.decode(packet)
        except FFmpegError:
            bad += 1
            if bad > _BAD_PACKETS:
                break
            continue
        for frame in frames:
            if begin is None:
                begin = time
            begin += mixer.add(frame)
        if begin is not None and begin + mixer.seconds >= start + seconds + 0.01:
            break
    skip = max(0.0, start - (begin or 0.0))
    sounds = tuple(
        sound[round(skip * rate) :][: round(seconds * rate)]
        for rate, sound in zip(mixer.rates, mixer.take(), strict=True)
    )
    return _Piece(sounds[0].size / mixer.rates[0], sounds)


class _Mixer:
    """Gathers frames and turns them into mono at some rates, in FFmpeg.

    One resampler a rate serves all pieces of a file (building one costs as much as a second of
    sound); what it still holds of the piece before ends within the preroll.

    Args:
        rates: Hz.
    """

    def __init__(self, rates: Sequence[int]) -> None:
        self.rates = rates
        self._resamplers: dict[tuple[str, str, int], list[AudioResampler]] = {}
        self._key: tuple[str, str, int] | None = None
        self._fifo = AudioFifo()
        self.seconds = 0.0

    def add(self, frame: AudioFrame) -> float:
        """Adds a frame; returns the seconds thrown away because the format changed with it.

        AAC's first frame can be of half the rate of those after it.
        """
        lost = 0.0
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:
            lost, self.seconds = self.seconds, 0.0
            self._key = key
            self._fifo = AudioFifo()
        frame.pts = None  # or the queue insists on stamps without gaps
        self._fifo.write(frame)
        self.seconds += frame.samples / frame.sample_rate
        return lost

    def take(self) -> list[FloatArray]:
        """All that was added since the last call, shape (samples,) at each rate."""
        frame = self._fifo.read()
        key, self._key = self._key, None
        self._fifo = AudioFifo()
        self.seconds = 0.0
        if frame is None or key is None:
            return [np.empty(0, np.float32) for _ in self.rates]
        frame.pts = None
        if key not in self._resamplers:
            # Without the option FFmpeg makes mono 3 dB louder than the channels' mean.
            self._resamplers[key] = [
                AudioResampler("fltp", "mono", rate, options={"rematrix_maxval": "1.0"})
                for rate in self.rates
            ]
        return [_samples(resampler.resample(frame)) for resampler in self._resamplers[key]]


def _samples(frames: Iterable[AudioFrame]) -> FloatArray:
    """The samples of mono frames, one after another."""
    parts = [np.frombuffer(memoryview(f.planes[0]), np.float32, f.samples) for f in frames]
    return np.concatenate(parts or [np.empty(0, np.float32)])


def _whole(pieces: list[_Piece], duration: float, seconds: float) -> list[_Piece]:
    """The pieces that are as long as they should be, but for a little."""
    least = max(_WHOLE * min(seconds, duration), _SHORTEST)
    return [piece for piece in pieces if piece.seconds >= least]


def _sounding(pieces: FloatArray) -> NDArray[np.bool_]:
    """Which pieces are worth hearing, shape (n,).

    Raises:
        AudioError: None of them is.
    """
    peaks = np.abs(pieces).max(axis=1)
    if not np.isfinite(peaks).all():
        raise AudioError("The sound is damaged: it decodes to numbers that are no sound.")
    if not peaks.any():
        raise AudioError("The track is silent: there is nothing to listen to.")
    loud: NDArray[np.bool_] = peaks >= _QUIET
    return loud if loud.any() else ~loud


def _why_nothing(seconds: float, length: float) -> str:
    if length < _SHORTEST:
        return f"The track is too short: it has {length:.1f} s of sound; half a second is needed."
    return f"The sound is damaged: {seconds:.1f} s of its {length:.1f} s could be decoded."
