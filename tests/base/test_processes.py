"""A process for one piece of work: what it says, and how its end is heard."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from typing import Any

import pytest

from msa_desktop.base import processes
from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken


def count(upto: int, code: int, say: Connection[Any, Any]) -> None:
    for number in range(upto):
        say.send(number)
    os._exit(code)


def sleep(say: Connection[Any, Any]) -> None:
    say.send("awake")
    time.sleep(600)


def test_everything_is_heard_then_the_end() -> None:
    heard = []
    with (
        pytest.raises(processes.Died, match=r"ended by itself \(exit code 3\)"),
        processes.messages(count, 3, 3, cancel=CancelToken()) as said,
    ):
        for number in said:
            heard.append(number)
    assert heard == [0, 1, 2]


def test_who_has_heard_enough_ends_it() -> None:
    with processes.messages(sleep, cancel=CancelToken()) as said:
        assert next(said) == "awake"
        assert len(multiprocessing.active_children()) == 1
    assert not multiprocessing.active_children()


def test_cancelled_whatever_it_does() -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled), processes.messages(sleep, cancel=cancel) as said:
        next(said)
        cancel.cancel()
        next(said)
    assert not multiprocessing.active_children()


def test_cancelled_where_it_never_falls_silent() -> None:
    cancel = CancelToken()
    with (
        pytest.raises(Cancelled),
        processes.messages(count, 1_000_000, 0, cancel=cancel) as said,
    ):
        for number in said:
            assert number < 1000
            if number == 10:
                cancel.cancel()
    assert not multiprocessing.active_children()
