"""How long a model that gave no answer is left alone."""

from __future__ import annotations

import threading
import time

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken, JobControl

_FIRST, _LONGEST = 5.0, 300.0  # seconds
_WAITED_OUT = 20.0  # seconds: the rules do the tracks of a longer pause
_TICK = 0.1  # seconds between looks at what may end a wait early


class ModelError(UserError):
    """No answer from the model. The message is the reason, for a person.

    Args:
        reason: The message.
        lasting: Whether a next try would fail too.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Rest:
    """Leaves a model alone after failures.

    The first failure is forgiven; each further one in a row doubles the pause. The first pauses are
    waited out: the rules would do a whole library while a server starts again. A longer one is not,
    nor one after a failure that time does not mend: then the last reason is the answer, at once.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self._is_waited_out = False
        self._reason = ""

    def wait(self, cancel: CancelToken | None, closing: threading.Event) -> None:
        """Returns when the model may be asked. A person who pauses does not wait for it.

        Raises:
            ModelError: It may not, and this pause is not waited out.
            Cancelled: The token or the event was set.
        """
        while (left := self._until - time.monotonic()) > 0:
            if not self._is_waited_out:
                raise ModelError(self._reason)
            if isinstance(cancel, JobControl) and cancel.paused:
                return
            if closing.wait(min(left, _TICK)) or (cancel is not None and cancel.cancelled):
                raise Cancelled

    def failed(self, error: ModelError) -> None:
        """Notes a failure."""
        self._failures += 2 if error.lasting else 1
        pause = _FIRST * 2 ** min(self._failures - 2, 10) if self._failures > 1 else 0.0
        self._reason = str(error)
        self._is_waited_out = pause <= _WAITED_OUT and not error.lasting
        self._until = time.monotonic() + min(pause, _LONGEST)

    def succeeded(self) -> None:
        """Forgets the failures."""
        self._failures = 0
