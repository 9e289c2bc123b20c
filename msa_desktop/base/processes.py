"""What the processes that the program starts have in common.

They are modest, deaf to Ctrl-C (the program decides what follows), and never outlive the program.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from msa_desktop.base.jobs import CancelToken

_NICENESS = 10  # the desktop stays smooth, and the work still gets every idle moment
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_TICK = 0.1  # seconds between two looks at the cancel token
_DYING = 5  # seconds from a closed connection to an exit code, at most


class Died(Exception):  # noqa: N818 - what became of it
    """A process ended before it had said everything; the message is how (see `how_it_ended`)."""


def settle_in() -> None:
    """Called inside a new process, first of all."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent watch", daemon=True).start()
    if sys.platform == "linux":
        # Works even while native code hangs and holds the interpreter's lock. The kernel sends it
        # when the THREAD that started this process ends: a supervisor, which ends last.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Ctrl-C and a closed terminal go to the whole process group; the program decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - start-up cost; the other platforms do without it

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.nice(_NICENESS)
    # Standard output may be one JSON document; whatever a native library prints is no part of it.
    if sys.stdout is not None and sys.stderr is not None:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """Ends this process at once, whatever it is doing, when the program has ended."""
    parent.join()
    os._exit(1)


def shield_from_ctrl_c() -> None:
    """Has processes started from this thread born deaf to Ctrl-C; soon they ignore it anyway."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # its own start would lift the shield again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def messages(
    main: Callable[..., None], *arguments: object, cancel: CancelToken
) -> Iterator[Iterator[Any]]:
    """Starts a process for one piece of work; yields what it says, one message after another.

    It is killed in the end, whatever it is doing then: cancelling works in native code too, and
    all of its memory is given back.

    Args:
        main: Called there, with the arguments and the connection to say things by.
        arguments: What pickle can carry.
        cancel: Looked at several times a second, and before each message.

    Raises:
        Died: From the iterator: the process has ended. Who has heard all stops asking before.
        Cancelled: From the iterator.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with ours:
        with theirs:  # closed here, the process has the only other end: its death is heard
            process = context.Process(target=main, args=(*arguments, theirs), daemon=True)
            process.start()
        try:
            yield _heard(ours, process, cancel)
        finally:
            process.kill()
            process.join()


def _heard(
    connection: Connection[Any, Any],
    process: multiprocessing.process.BaseProcess,
    cancel: CancelToken,
) -> Iterator[Any]:
    while True:
        cancel.check()  # also where it never falls silent
        try:
            while not connection.poll(_TICK):
                cancel.check()
            message = connection.recv()
        except (EOFError, OSError):
            process.join(_DYING)
            raise Died(how_it_ended(process.exitcode)) from None
        yield message


def how_it_ended(exit_code: int | None) -> str:
    """How a process ended, as the end of a sentence that begins with the process."""
    if exit_code is None:
        return "fell silent"
    if exit_code >= 0:
        return f"ended by itself (exit code {exit_code})"
    number = -exit_code
    if number == getattr(signal, "SIGKILL", None):
        return f"was ended by signal {number} (out of memory or killed from outside)"
    with suppress(ValueError):
        return f"was ended by signal {number} ({signal.Signals(number).name})"
    return f"was ended by signal {number}"
