from __future__ import annotations

from dataclasses import replace

from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import HeardLabel, Proposal, Suggestion, TaggedNeighbour
from msa_desktop.ui import evidence
from msa_desktop.ui.evidence import Kind

_NEAR = tuple(
    TaggedNeighbour(TrackId(i), f"Song {i}", "Miles" if i else "", 0.9 - i / 100, ("Jazz", "Cool"))
    for i in range(8)
)
_JAZZ = Suggestion("Jazz", 0.83, (HeardLabel("saxophone", 0.72, 0.05),), _NEAR)
_PROPOSAL = Proposal(TrackId(1), Field.GENRE, (), ("Jazz",), (_JAZZ,), "rules")


def test_the_lines_say_what_was_heard_and_who_is_tagged_so() -> None:
    items = evidence.items([_PROPOSAL])
    assert [item.kind for item in items[:4]] == [Kind.VALUE, Kind.TITLE, Kind.LABEL, Kind.TITLE]
    assert (items[0].words, items[0].detail, items[0].share) == ("Jazz", "Genre", 0.83)
    assert (items[2].words, items[2].share, items[2].usual) == ("saxophone", 0.72, 0.05)
    assert items[3].detail == "8 tagged so"
    assert items[4].words == "Song 0"
    assert items[5].words == "Song 1 \N{EN DASH} Miles"
    assert items[5].detail == "Jazz, Cool"
    assert evidence.playable(items) == [0, 1, 2, 3, 4, 5]


def test_a_reason_and_the_persons_own_words_are_told() -> None:
    bpm = Suggestion("120", 0.9, reason="A steady beat.")
    proposal = Proposal(TrackId(1), Field.BPM, (), ("121",), (bpm,), "rules", edited=True)
    assert [item.words for item in evidence.items([proposal])] == [
        "120",
        "A steady beat.",
        "You made it “121”.",
    ]


def test_the_tooltip_says_it_in_a_few_lines() -> None:
    lines = evidence.in_words(_PROPOSAL).splitlines()
    assert lines[0] == "Genre: Jazz \N{EM DASH} 83 % sure"
    assert lines[1] == "Heard: saxophone 72 % (usually 5 %)"
    assert lines[2].startswith("Tagged so: Song 0 (90 % alike), Song 1")
    assert lines[2].endswith("and 5 more")
    long = replace(_PROPOSAL, suggestions=(Suggestion("word " * 900, 0.5),))
    assert len(evidence.in_words(long)) < 200


def test_the_tracks_of_others_are_told_apart_and_cannot_be_played() -> None:
    strangers = tuple(
        TaggedNeighbour(None, f"Theirs {i}", "Ana", 0.7, ("Jazz",), "Free Music Archive")
        for i in range(8)
    )
    both = replace(_JAZZ, neighbours=(*_NEAR[:2], *strangers))
    items = evidence.items([replace(_PROPOSAL, suggestions=(both,))])
    titles = [(item.words, item.detail) for item in items if item.kind is Kind.TITLE]
    assert titles[1:] == [
        ("Alike in your library", "2 tagged so"),
        ("Alike in Free Music Archive", "8 tagged so"),
    ]
    near = [item for item in items if item.kind is Kind.NEIGHBOUR]
    assert len(near) == 6
    assert evidence.playable(items) == [0, 1]
    only = replace(_PROPOSAL, suggestions=(replace(_JAZZ, neighbours=strangers),))
    assert "Theirs 0 \N{EN DASH} Ana (Free Music Archive, 70 % alike)" in evidence.in_words(only)
