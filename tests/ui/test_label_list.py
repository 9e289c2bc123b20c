from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import Qt

from msa_desktop.base.model import LabelScore
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.ui import label_list
from msa_desktop.ui.label_list import LabelModel
from msa_desktop.ui.measure_words import Fact

_KINDS = {
    "rock": LabelKind.GENRE,
    "folk": LabelKind.GENRE,
    "calm": LabelKind.MOOD,
    "piano": LabelKind.INSTRUMENT,
}


def test_labels_are_grouped_by_kind_the_strongest_first() -> None:
    scores = [("piano", 0.9), ("folk", 0.5), ("calm", 0.01), ("rock", 0.2), ("odd", 0.3)]
    labels = [LabelScore(name, score, "msd") for name, score in scores]
    lines = [line.words for line in label_list.group(labels, _KINDS)]
    assert lines == ["Genre", "folk", "rock", "Instruments", "piano", "Other", "odd"]


def test_every_kind_of_the_vocabulary_has_a_title() -> None:
    for kind in LabelKind:
        lines = label_list.group([LabelScore("x", 1.0, "msd")], {"x": kind})
        assert len(lines) == 2, kind


def test_what_was_measured_is_read_out() -> None:
    model = LabelModel()
    model.show(label_list.measured([Fact("Tempo", "128 BPM", "or 64 (20 %)"), Fact("Key", "Am")]))
    role = Qt.ItemDataRole.AccessibleTextRole
    spoken = [model.index(row).data(role) for row in range(model.rowCount())]
    assert spoken == [None, "Tempo, 128 BPM, or 64 (20 %)", "Key, Am"]
    assert not model.flags(model.index(0)) & Qt.ItemFlag.ItemIsSelectable, "a title"
    assert model.flags(model.index(1)) & Qt.ItemFlag.ItemIsSelectable


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, []),
        (KindOfTrack(Kind.UNKNOWN, 0.0), []),
        (KindOfTrack(Kind.SONG, 0.62), ["Kind, Song, 62 % sure, by its labels"]),
        (
            KindOfTrack(Kind.A_CAPPELLA, 0.9, 0.9, 0.1),
            ["Kind, A cappella, 90 % sure, by its stems"],
        ),
    ],
)
def test_the_kind_of_track(found: KindOfTrack | None, words: list[str]) -> None:
    model = LabelModel()
    model.show(label_list.kind(found))
    role = Qt.ItemDataRole.AccessibleTextRole
    assert [model.index(row).data(role) for row in range(model.rowCount())] == words


def test_the_same_lines_again_are_no_news() -> None:
    model = LabelModel()
    resets: list[int] = []
    model.modelReset.connect(partial(resets.append, 1))
    for tempo in ("128 BPM", "128 BPM", "64 BPM"):
        model.show(label_list.measured([Fact("Tempo", tempo, "")]))
    assert len(resets) == 2


def test_what_was_not_measured_is_told() -> None:
    assert [line.words or line.value for line in label_list.measured([])] == [
        "Measured",
        "Not measured yet",
    ]
