"""How long a model that gave no answer is left alone."""

from __future__ import annotations

import time

from msa_desktop.base.errors import UserError

_FIRST, _LONGEST = 5.0, 300.0  # seconds


class ModelError(UserError):
    """No answer from the model. The message is the reason, for a person."""


class Rest:
    """Answers at once with the last reason while a model is left alone.

    The first failure is forgiven; each further one in a row doubles the pause.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self._reason = ""

    def check(self) -> None:
        """Raises ModelError while the model is left alone."""
        if time.monotonic() < self._until:
            raise ModelError(self._reason)

    def failed(self, reason: str, *, surely: bool = False) -> ModelError:
        """Notes a failure and returns what to raise; `surely` where a next try would fail too."""
        self._failures += 2 if surely else 1
        pause = _FIRST * 2 ** min(self._failures - 2, 10) if self._failures > 1 else 0.0
        self._until = time.monotonic() + min(pause, _LONGEST)
        self._reason = reason
        return ModelError(reason)

    def succeeded(self) -> None:
        """Forgets the failures."""
        self._failures = 0
