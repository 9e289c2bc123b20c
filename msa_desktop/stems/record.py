"""What is known of a track that was taken apart: which stems, and how loud each is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray

VOCALS = "vocals"
INSTRUMENTAL = "instrumental"
"""All stems but the vocals, together. It is no file of its own."""

NAME = r"[a-z][a-z0-9_]{0,19}"
"""What a stem may be called; it is also its file's name."""

_FRAME = 0.05  # seconds over which loudness is measured


class Level(BaseModel):
    """How loud a sound is, over all of its channels.

    Attributes:
        rms: The mean of the root mean squares of its frames of 50 ms.
        energy: Its mean square.
        peak: The largest sample.
    """

    model_config = ConfigDict(frozen=True)

    rms: Annotated[float, Field(ge=0)]
    energy: Annotated[float, Field(ge=0)]
    peak: Annotated[float, Field(ge=0)]


class Record(BaseModel):
    """What is kept beside the stems of a track.

    Attributes:
        model: The id of the model that took it apart.
        rate: Hz.
        channels: Of each stem.
        samples: Length of each stem.
        begin: Where in the track they begin, in samples.
        sources: The stems, in the model's order.
        levels: Of each stem; of `INSTRUMENTAL` too where there are vocals.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    rate: Annotated[int, Field(gt=0)]
    channels: Annotated[int, Field(gt=0)]
    samples: Annotated[int, Field(gt=0)]
    begin: Annotated[int, Field(ge=0)]
    sources: tuple[Annotated[str, Field(pattern=f"^{NAME}$")], ...]
    levels: dict[str, Level]

    def check(self, wanted: Iterable[str]) -> None:
        """Refuses names of stems that are not here; see `check_stems`."""
        check_stems(wanted, self.sources, self.model)

    @property
    def seconds(self) -> float:
        """Length of each stem."""
        return self.samples / self.rate

    @property
    def names(self) -> tuple[str, ...]:
        """What can be listened to or exported: the stems, and what is made of them."""
        return tuple(self.levels)


def given(sources: Sequence[str]) -> tuple[str, ...]:
    """What can be had of a model's stems: each, and what is made of them."""
    mixed = VOCALS in sources and len(sources) > 1
    return (*sources, INSTRUMENTAL) if mixed else tuple(sources)


def check_stems(wanted: Iterable[str], sources: Sequence[str], model: str) -> None:
    """Refuses what a model does not give.

    Args:
        wanted: Names of stems.
        sources: The model's stems.
        model: Its id.

    Raises:
        UserError: Some are not among them.
    """
    names = given(sources)
    if unknown := [name for name in wanted if name not in names]:
        raise UserError(
            f"There is no stem {', '.join(unknown)}. {model} gives: {', '.join(names)}."
        )


class Meter:
    """Measures the stems of one track while they come.

    Args:
        sources: The stems, in their order.
        rate: Hz.
    """

    def __init__(self, sources: tuple[str, ...], rate: int) -> None:
        self._instruments = [i for i, name in enumerate(sources) if name != VOCALS]
        self._names = given(sources)
        self._mixed = INSTRUMENTAL in self._names
        self._frame = max(1, round(_FRAME * rate))
        self._roots = np.zeros(len(self._names))
        self._squares = np.zeros(len(self._names))
        self._peaks = np.zeros(len(self._names))
        self._frames = self._samples = 0
        self._waiting: FloatArray | None = None

    def add(self, stems: FloatArray) -> None:
        """Takes the next piece, shape (sources, channels, n)."""
        rows = stems
        if self._mixed:
            rows = np.concatenate([stems, stems[self._instruments].sum(axis=0, keepdims=True)])
        self._peaks = np.maximum(self._peaks, np.abs(rows).max(axis=(1, 2), initial=0))
        if self._waiting is not None:
            rows = np.concatenate([self._waiting, rows], axis=2)
        whole = rows.shape[2] // self._frame * self._frame
        self._measure(rows[:, :, :whole], self._frame)
        self._waiting = rows[:, :, whole:].copy()

    def levels(self) -> dict[str, Level]:
        """Of everything that was added."""
        if self._waiting is not None and self._waiting.size:
            self._measure(self._waiting, self._waiting.shape[2])
            self._waiting = None
        rms = self._roots / max(1, self._frames)
        energy = self._squares / max(1, self._samples)
        return {
            name: Level(rms=rms[i], energy=energy[i], peak=self._peaks[i])
            for i, name in enumerate(self._names)
        }

    def _measure(self, rows: FloatArray, frame: int) -> None:
        """Takes whole frames of so many samples."""
        count, channels, length = rows.shape
        squares = rows.astype(np.float64).reshape(count, channels, -1, frame) ** 2
        power = squares.mean(axis=(1, 3))
        self._roots += np.sqrt(power).sum(axis=1)
        self._squares += power.sum(axis=1) * frame
        self._frames += length // frame
        self._samples += length
