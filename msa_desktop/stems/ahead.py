"""The stems of a track read ahead of who takes them, in a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.stems.wave import read_into

_PIECE = 0.25  # seconds read at once
_AHEAD = 2.0  # seconds: a disk that wakes up takes about as long
_PATIENCE = 0.05  # seconds: a window stands still for no longer


class Gone(UserError):  # noqa: N818 - a finding
    """The stems cannot be read any more: they made room for others, or their disk is gone."""

    def __init__(self) -> None:
        super().__init__("These stems are not there any more. Separate them again.")


class ReadAhead:
    """Gives what was read so far, and never waits for a disk unless asked to.

    Args:
        paths: The stems' files.
        rate: Hz.
        channels: Of each.
        samples: Of each.

    Raises:
        Gone: A file cannot be opened.
    """

    def __init__(self, paths: Sequence[Path], rate: int, channels: int, samples: int) -> None:
        self._channels = channels
        self._samples = samples
        self._piece = round(_PIECE * rate)
        self._most = round(_AHEAD * rate)
        self._changed = threading.Condition()
        self._held: deque[FloatArray] = deque()  # shape (stems, n, channels), each after the last
        self._next = 0  # the sample after those held
        self._seeks = 0
        self._gone = False
        self._closed = False
        with ExitStack() as opened:
            try:
                self._files = [opened.enter_context(path.open("rb", buffering=0)) for path in paths]
            except OSError as error:
                raise Gone from error
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._run, name="stems", daemon=True)
        self._thread.start()

    def seek(self, sample: int) -> None:
        """Goes on from there; what was read ahead is thrown away."""
        with self._changed:
            self._held.clear()
            self._next = sample
            self._seeks += 1
            self._gone = False
            self._changed.notify_all()

    def take(self, count: int, patience: float = 0.0) -> FloatArray:
        """The next samples of all stems, shape (stems, n, channels); `n` is at most `count`.

        Args:
            count: How many are wanted.
            patience: Seconds to wait for them, where they were not read yet.

        Raises:
            Gone: The stems cannot be read any more.
            ValueError: It is closed.
        """
        taken = [np.empty((len(self._files), 0, self._channels), np.float32)]
        with self._changed:
            self._changed.wait_for(lambda: self._is_there(count), patience)
            if self._closed:
                raise ValueError("read of a closed file")
            if self._gone and not self._held:  # what was read before is heard first
                raise Gone
            while count and self._held:
                piece = self._held.popleft()
                if piece.shape[1] > count:
                    self._held.appendleft(piece[:, count:])
                    piece = piece[:, :count]
                taken.append(piece)
                count -= piece.shape[1]
            self._changed.notify_all()
        return np.concatenate(taken, axis=1)

    def close(self) -> None:
        """Ends the thread, which closes the files: Windows lets nobody remove them before.

        A read that hangs, of a share that went away, is not waited for.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE)

    def _count(self) -> int:
        return sum(piece.shape[1] for piece in self._held)

    def _is_there(self, count: int) -> bool:
        """Whether there is nothing to wait for."""
        there = self._count()
        # More than it reads ahead is never there at once.
        return self._closed or self._gone or there >= min(count, self._most) or self._at_end()

    def _at_end(self) -> bool:
        return self._next >= self._samples

    def _is_wanted(self) -> bool:
        """Whether the thread has something to do."""
        full = self._gone or self._at_end() or self._count() >= self._most
        return self._closed or not full

    def _run(self) -> None:
        with self._opened:
            self._read_on()

    def _read_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_wanted)
                if self._closed:
                    return
                seeks, begin = self._seeks, self._next
            piece = self._read(begin)
            with self._changed:
                if seeks != self._seeks:
                    continue  # somebody wants another place by now
                if piece is None:
                    self._gone = True
                else:
                    self._held.append(piece)
                    self._next += piece.shape[1]
                self._changed.notify_all()

    def _read(self, begin: int) -> FloatArray | None:
        """The samples from there on, or None if they cannot be read."""
        count = min(self._piece, self._samples - begin)
        try:
            piece: FloatArray = np.empty((len(self._files), count, self._channels), "<f4")
            whole = all(
                read_into(file, begin, sound)
                for file, sound in zip(self._files, piece, strict=True)
            )
        except (OSError, MemoryError):
            return None
        return piece if whole else None
