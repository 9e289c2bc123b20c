"""The waveform that the player shows: how loud a track is from its beginning to its end.

It needs every sample, so it is made when a track is first played, not when the library is
analysed. Loaded by worker processes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from msa_desktop.audio.source import Source, broken
from msa_desktop.base.model import FloatArray

_BLOCK = 1024  # samples summed up to one point while the length of the track is not known
_GATHERED = 16 * _BLOCK  # worked on at once: more would leave the processor's cache


def peaks(path: str, buckets: int = 800) -> bytes:
    """Measures a whole track.

    Root mean squares, not the highest samples: those of most music since 1990 are all alike.

    Args:
        path: As from `os.fsdecode`.
        buckets: Equal slices of the track.

    Returns:
        One byte a slice: the root mean square of its samples over all channels, where 255 is that
        of the loudest slice. All zero for silence.

    Raises:
        AudioError: Not an audio file, or none of it can be decoded.
    """
    meter = _Meter()
    with Source(path) as source:
        context = source.stream.codec_context
        for _, packet in source.packets():
            try:
                frames = context.decode(packet)
            except FFmpegError:
                continue  # a damaged moment is a gap in the picture
            for frame in frames:
                meter.add(frame)
    power = meter.power()
    if not power.size:
        raise broken(path, "The file is cut off or damaged: none of its sound can be decoded.")
    edges = np.arange(buckets) * power.size // buckets
    # A track of fewer blocks than buckets shows each block more than once.
    widths = np.maximum(np.diff(edges, append=power.size), 1)
    level = np.sqrt(np.nan_to_num(np.add.reduceat(power, edges) / widths))
    scaled = level * (255 / max(float(level.max()), 1e-6))
    return bytes(scaled.round().astype(np.uint8))


class _Meter:
    """Mean square of every block of samples, all channels together."""

    def __init__(self) -> None:
        self._fifo = AudioFifo()
        self._waiting = 0
        self._key = ("", 0, 0)
        self._power: list[FloatArray] = []

    def add(self, frame: AudioFrame) -> None:
        key = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        if key != self._key:
            self._measure(self._waiting)
            self._fifo = AudioFifo()
            self._key = key
        frame.pts = None  # or the queue insists on stamps without gaps
        self._fifo.write(frame)
        self._waiting += frame.samples
        while self._waiting >= _GATHERED:
            self._measure(_GATHERED)

    def power(self) -> FloatArray:
        """Of all that was added, shape (blocks,)."""
        self._measure(self._waiting)
        return np.concatenate(self._power or [np.empty(0, np.float32)])

    def _measure(self, count: int) -> None:
        frame = self._fifo.read(count) if count else None
        if frame is None:
            return
        self._waiting -= count
        samples = _scaled(frame.to_ndarray())
        # Interleaved channels are measured as they lie: a block is only that much wider.
        step = _BLOCK if frame.format.is_planar else _BLOCK * frame.layout.nb_channels
        spare = -samples.shape[1] % step
        if spare:
            samples = np.pad(samples, ((0, 0), (0, spare)))
        blocks = samples.reshape(len(samples), -1, step)
        self._power.append(np.vecdot(blocks, blocks).mean(axis=0) / np.float32(step))


def _scaled(samples: NDArray[Any]) -> FloatArray:
    """Samples of any of FFmpeg's formats as float32, -1 to 1."""
    sound: FloatArray = samples.astype(np.float32, copy=False)
    if samples.dtype == np.uint8:
        return (sound - np.float32(128)) / np.float32(128)
    if np.issubdtype(samples.dtype, np.integer):
        return sound * np.float32(1 / np.iinfo(samples.dtype).max)
    return sound
