"""How loud a whole track is (EBU R128), its highest sample, and the silence at its ends.

It needs every sample, so it costs what decoding the whole track does, and about as much again for
FFmpeg's meter. Loaded by worker processes only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as AtEnd
from av.error import FFmpegError
from av.filter import Graph
from numpy.typing import NDArray

from msa_desktop.audio.source import Source, broken
from msa_desktop.base.errors import AudioError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.music import Loudness

_SILENT = 0.001  # -60 dB: what is below at either end is silence
_GATE = -70.0  # LUFS; what the meter says where nothing was loud enough to be measured


def measure(path: str, cancel: CancelToken | None = None) -> Loudness:
    """Measures a whole track, in memory that does not grow with its length.

    One channel counts as two, as it is heard, and as ReplayGain's other scanners take it.

    Args:
        path: As from `os.fsdecode`.
        cancel: Looked at all along.

    Raises:
        AudioError: Not an audio file, or none of it can be decoded.
        Cancelled: The job was asked to end.
    """
    meter = _Meter()
    with Source(path) as source:
        context = source.stream.codec_context
        for _, packet in source.packets():
            if cancel is not None:
                cancel.check()
            try:
                frames = context.decode(packet)
            except FFmpegError:
                continue  # a damaged moment is not measured
            for frame in frames:
                meter.add(frame)
    measured = meter.finish()
    if measured is None:
        raise broken(path, "The file is cut off or damaged: none of its sound can be decoded.")
    return measured


class _Meter:
    """FFmpeg's ebur128 filter, and a look at every sample that comes out of it."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._form = ("", "", 0)
        self._resamplers: dict[tuple[str, str, int], AudioResampler] = {}
        self._integrated = _GATE
        self._peak = 0.0
        self._samples = 0
        self._first: int | None = None  # the first sample that is not silent
        # The place and samples of the last frame that is not.
        self._last: tuple[int, NDArray[np.float64]] | None = None

    def add(self, frame: AudioFrame) -> None:
        """Measures a frame of any form."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None:
            self._form = form
            self._graph = _graph(*form)
        for alike in [frame] if form == self._form else self._alike(frame, form):
            alike.pts = None
            self._graph.push(alike)
        self._pull()

    def finish(self) -> Loudness | None:
        """What was measured; None if nothing was added."""
        if self._graph is None:
            return None
        self._graph.push(None)
        self._pull()
        first, last = self._samples, 0
        if self._first is not None and self._last is not None:
            place, sound = self._last
            first, last = self._first, place + int(_sounding(sound)[-1]) + 1
        rate = self._form[2]
        return Loudness(
            integrated=self._integrated if self._integrated > _GATE else None,
            peak=self._peak,
            silence_start=first / rate,
            silence_end=(self._samples - last) / rate,
        )

    def _alike(self, frame: AudioFrame, form: tuple[str, str, int]) -> list[AudioFrame]:
        """The frame in the form of the first: streams change theirs, if seldom."""
        if form not in self._resamplers:
            self._resamplers[form] = AudioResampler(*self._form)
        frame.pts = None
        return self._resamplers[form].resample(frame)

    def _pull(self) -> None:
        for frame in self._measured():
            samples = frame.to_ndarray()[0]  # float64, the channels interleaved
            peak = max(float(samples.max()), -float(samples.min()))
            if not math.isfinite(peak):
                raise AudioError("The sound is damaged: it decodes to numbers that are no sound.")
            self._peak = max(self._peak, peak)
            if peak >= _SILENT:
                sound = samples.reshape(frame.samples, -1)
                if self._first is None:
                    self._first = self._samples + int(_sounding(sound)[0])
                self._last = self._samples, sound
            self._samples += frame.samples
            self._integrated = float(frame.metadata.get("lavfi.r128.I", self._integrated))

    def _measured(self) -> Iterator[AudioFrame]:
        while self._graph is not None:
            try:
                frame = self._graph.pull()
            except (NothingYet, AtEnd):
                return
            if isinstance(frame, AudioFrame):  # the graph has no other
                yield frame


def _sounding(samples: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of the samples, shape (samples, channels), are not silent."""
    return np.flatnonzero((np.abs(samples) >= _SILENT).any(axis=1))


def _graph(form: str, layout: str, rate: int) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(format=form, sample_rate=rate, layout=layout)
    meter = graph.add("ebur128", "metadata=1:dualmono=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph
