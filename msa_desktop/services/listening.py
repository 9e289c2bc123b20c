"""Files heard on demand, beside the library's own queue."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Sequence

from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Outcome, Task
from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken

MakePool = Callable[[Callable[[Outcome], None], Callable[[str], None]], Pool]
"""Makes the worker processes, given who takes their outcomes and who hears that none can start."""

_TICK = 0.2  # seconds between two looks at the cancel token


def outcomes(
    tasks: Sequence[Task], make_pool: MakePool, cancel: CancelToken
) -> Generator[Outcome, None, None]:
    """What worker processes of their own say, as it comes; they end with it.

    Args:
        tasks: Each with another track id, by which its outcome is known.
        make_pool: Makes the processes.
        cancel: Looked at several times a second.

    Raises:
        UserError: The processes cannot work.
        Cancelled: The person ended it.
    """
    if not tasks:
        return
    answers: queue.SimpleQueue[Outcome | str] = queue.SimpleQueue()
    pool = make_pool(answers.put, answers.put)
    pool.start()
    try:
        for task in tasks:
            pool.submit(task)
        for _ in tasks:
            answer = _next(answers, cancel)
            if isinstance(answer, str):
                raise UserError(answer)
            yield answer
    finally:
        pool.close()


def _next(answers: queue.SimpleQueue[Outcome | str], cancel: CancelToken) -> Outcome | str:
    while True:
        cancel.check()
        try:
            return answers.get(timeout=_TICK)
        except queue.Empty:
            continue
