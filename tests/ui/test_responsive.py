from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from msa_desktop.ui.responsive import Responsive


class _Knot:
    """Garbage that only the collector finds; it notes the thread it goes in."""

    def __init__(self, gone_in: list[threading.Thread]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: gone_in.append(threading.current_thread()))


@pytest.fixture
def responsive(qtbot: QtBot) -> Iterator[Responsive]:
    gc.enable()
    made = Responsive()
    yield made
    made.close()


def test_garbage_made_in_another_thread_is_collected_in_this_one(
    qtbot: QtBot, responsive: Responsive
) -> None:
    gone_in: list[threading.Thread] = []

    def litter() -> None:
        for _ in range(5000):
            _Knot(gone_in)

    thread = threading.Thread(target=litter)
    thread.start()
    thread.join()
    assert gone_in == []
    qtbot.waitUntil(lambda: len(gone_in) == 5000)
    assert set(gone_in) == {threading.main_thread()}


def test_afterwards_everything_is_as_python_has_it(qtbot: QtBot) -> None:
    gc.enable()
    before = sys.getswitchinterval()
    responsive = Responsive()
    assert not gc.isenabled()
    assert sys.getswitchinterval() < before
    responsive.close()
    assert gc.isenabled()
    assert sys.getswitchinterval() == before
    assert gc.get_freeze_count() == 0
