"""A track's whole sound, piece by piece: for what cannot be told from windows.

In memory that does not grow with its length. Loaded by worker processes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from msa_desktop.audio.source import Source
from msa_desktop.base.model import FloatArray


def pieces(path: str, rate: int) -> Iterator[FloatArray]:
    """Decodes a track from its beginning to its end.

    Mono is given to both sides; more channels than two are mixed down with FFmpeg's weights. A
    damaged packet is passed over, and numbers that are no sound are silence.

    Args:
        path: As from `os.fsdecode`.
        rate: Hz; other rates are resampled.

    Returns:
        Shape (2, n) each, float32.

    Raises:
        AudioError: Not an audio file.
    """
    with Source(path) as source:
        context = source.stream.codec_context
        stereo = _Stereo(rate)
        for _, packet in source.packets():
            try:
                frames = context.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                yield from stereo.convert(frame)
        yield from stereo.rest()


def part(whole: Iterable[FloatArray], begin: int, end: int | None) -> Iterator[FloatArray]:
    """What lies from sample `begin` to before `end`, or to the end of the sound."""
    at = 0
    for piece in whole:
        wanted = piece[:, max(0, begin - at) : None if end is None else max(0, end - at)]
        at += piece.shape[1]
        if wanted.shape[1]:
            yield wanted
        if end is not None and at >= end:
            return


class _Stereo:
    """Turns frames into stereo at one rate, in FFmpeg."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._key: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def convert(self, frame: AudioFrame) -> Iterator[FloatArray]:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:  # AAC's first frame can be of half the rate of those after it
            yield from self.rest()
            self._key = key
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler(
                "fltp", layout, self._rate, options={"rematrix_maxval": "1.0"}
            )
        frame.pts = None  # or gaps between stamps would be filled
        yield from self._run(frame)

    def rest(self) -> Iterator[FloatArray]:
        yield from self._run(None)

    def _run(self, frame: AudioFrame | None) -> Iterator[FloatArray]:
        if self._resampler is None:
            return
        for done in self._resampler.resample(frame):
            sound = np.nan_to_num(done.to_ndarray(), nan=0.0, posinf=0.0, neginf=0.0)
            yield np.broadcast_to(sound, (2, sound.shape[1]))
