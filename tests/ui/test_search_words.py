from __future__ import annotations

from msa_desktop.services.text_search import Meaning, Understood
from msa_desktop.store.tracks import Counts
from msa_desktop.ui import search_words

_HEARD = Counts(tracks=9, new=0, queued=0, analysed=9, failed=0, offline=0)
_UNHEARD = Counts(tracks=9, new=9, queued=0, analysed=0, failed=0, offline=0)


def test_every_part_of_a_query_is_told() -> None:
    understood = Understood(
        (
            Meaning("calm", ("quiet", "mellow", "chill", "soft"), against=False, found=True),
            Meaning("piano", ("piano",), against=False, found=False),
            Meaning("drums", ("drums",), against=True, found=True),
        ),
        ("sonata", "-live"),
        ("year:1990-",),
        ("zzyx",),
        ("clap", "somebody"),
    )
    assert search_words.told(understood) == [
        ("Sounds", "calm (quiet, mellow, chill, …), piano"),
        ("Not", "drums"),
        ("In names, tags and summaries", "sonata, -live"),
        ("Only", "year:1990-"),
        ("No track stands out by", "piano"),
        ("Passed over", "zzyx"),
        ("Read by", "CLAP, somebody"),
    ]
    assert search_words.told(Understood()) == []


def test_what_a_person_typed_is_no_markup() -> None:
    lines = [("Only", "artist:<b>&x</b>")]
    assert "&lt;b&gt;&amp;x&lt;/b&gt;" in search_words.rich(lines, "#123456")
    assert search_words.plain(lines) == "Only: artist:<b>&x</b>"


def test_why_nothing_fits_is_told_by_what_there_is() -> None:
    conditions = Understood(operators=("year:1700",))
    assert "year:1700" in search_words.nothing_found(conditions, _HEARD).text
    assert search_words.nothing_found(Understood(), _HEARD).button == "Show examples"
    assert "not" not in search_words.nothing_found(Understood(), _HEARD).title
    assert "listened" in search_words.nothing_found(conditions, _UNHEARD).title
