"""Waveforms by the real library: stored ones at once, others as soon as they are made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.model import TrackId
from msa_desktop.store import writes
from msa_desktop.ui.bridge import Background, Bridge
from msa_desktop.ui.waveforms import Waveforms

Songs = Callable[[int], list[TrackId]]


@pytest.fixture
def waveforms(app: App, background: Background) -> Waveforms:
    made = Waveforms(app.tracks, app.library, background)
    bridge = Bridge(app.events, made)
    bridge.peaks_ready.connect(made.made)
    return made


def test_a_stored_one_comes_at_once(
    qtbot: QtBot, app: App, songs: Songs, waveforms: Waveforms
) -> None:
    (track_id,) = songs(1)
    app.writer.run(lambda conn: writes.store_peaks(conn, track_id, bytes([1, 2])))
    with qtbot.waitSignal(waveforms.ready) as ready:
        waveforms.want(track_id)
    assert ready.args == [track_id, bytes([1, 2])]
    with qtbot.assertNotEmitted(waveforms.ready, wait=200):
        waveforms.made(track_id)  # nobody waits for it any more


def test_one_that_is_not_there_is_made(
    qtbot: QtBot, app: App, songs: Songs, waveforms: Waveforms
) -> None:
    ids = songs(2)
    told: dict[TrackId, bytes] = {}
    waveforms.ready.connect(told.__setitem__)
    for track_id in ids:  # by the player and by a dialog, at the same time
        waveforms.want(track_id)
    qtbot.waitUntil(lambda: len(told) == len(ids), timeout=120_000)
    assert told == {track_id: app.tracks.peaks(track_id) for track_id in ids}


def test_where_another_process_holds_the_library_there_is_none(
    qtbot: QtBot, app: App, songs: Songs, background: Background
) -> None:
    (track_id,) = songs(1)
    alone = Waveforms(app.tracks, None, background)
    with qtbot.assertNotEmitted(alone.ready, wait=200):
        alone.want(track_id)
