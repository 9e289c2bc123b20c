"""What holds for every format: a change does what was meant, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio._base import Edit, Format, Keep, Source, opened
from msa_desktop.tagio._files import format_of
from tests.tagio.changes import ANY_CHANGES, possible, same
from tests.tagio.corpus import CASES, RICH, SAYS
from tests.tagio.witness import OPUS_GAIN, differing, heard, names_of, seen

Corpus = Callable[[str], Path]

NEW: FieldValues = {
    Field.TITLE: ("Another title: € 🎹",),
    Field.ARTIST: ("Berta", "Çelik"),
    Field.ALBUM: ("Elsewhere",),
    Field.ALBUM_ARTIST: ("Various",),
    Field.COMPOSER: ("Dora", "Émile"),
    Field.DATE: ("2004-11-30",),
    Field.TRACK: ("11",),
    Field.DISC: ("2/3",),
    Field.GENRE: ("Ambient", "R&B", "80s"),
    Field.MOOD: ("happy",),
    Field.BPM: ("93",),
    Field.KEY: ("Ebm",),
    Field.GROUPING: ("Morning", "Work"),
    Field.SUMMARY: (" ".join(["Slow, wide and warm: a piano, strings, no drums."] * 20),),
    Field.TRACK_GAIN: ("3.10 dB",),
    Field.TRACK_PEAK: ("1.128379",),
}
CHANGES: Mapping[str, FieldValues] = {
    **{f"{field} alone": {field: NEW[field]} for field in Field},
    **{f"{field} removed": {field: ()} for field in Field},
    "proposed": {f: NEW[f] for f in (Field.GENRE, Field.MOOD, Field.BPM, Field.KEY)},
    "all": NEW,
    "all removed": dict.fromkeys(Field, ()),
    "much longer": {Field.SUMMARY: ("äöü曲" * 1000,), Field.GENRE: ("x" * 1000, "y" * 1000)},
    "shorter": {Field.TITLE: ("T",), Field.SUMMARY: ("s",)},
    "half a tempo": {Field.BPM: ("121.5",)},
    "loudness": {Field.TRACK_GAIN: ("-12.07 dB",), Field.TRACK_PEAK: ("0.000000",)},
}


@contextmanager
def at_hand(path: Path) -> Iterator[tuple[Format, Source]]:
    with opened(str(path)) as source:
        yield format_of(source, path.name), source


def composed(path: Path, edit: Edit) -> bytes:
    raw = path.read_bytes()
    return b"".join(
        raw[piece.offset : piece.end] if isinstance(piece, Keep) else piece for piece in edit.pieces
    )


def sound_of(path: Path) -> bytes:
    raw = path.read_bytes()
    with at_hand(path) as (form, source):
        return b"".join(raw[at : at + length] for at, length in form.sound(source))


def others_of(path: Path, changes: FieldValues) -> dict[str, bytes]:
    with at_hand(path) as (form, source):
        return dict(form.others(source, changes))


def read(path: Path) -> dict[Field, tuple[str, ...]]:
    with at_hand(path) as (form, source):
        return form.read(source)


def edited(path: Path, changes: FieldValues) -> Edit:
    with at_hand(path) as (form, source):
        return form.edit(source, changes)


def check(path: Path, changes: FieldValues) -> Edit:
    """Edits a file in its place and proves everything but what it sounds like."""
    changes = possible(changes, opus=path.suffix == ".opus")
    before, raw = read(path), path.read_bytes()
    sound, others, witnessed = sound_of(path), others_of(path, changes), seen(path)

    edit = edited(path, changes)
    new = composed(path, edit)
    kept = [piece for piece in edit.pieces if isinstance(piece, Keep)]
    assert all(min(piece.offset, piece.length, len(raw) - piece.end) >= 0 for piece in kept)
    if not edit.frames:
        assert new == raw
    path.write_bytes(new)

    after = read(path)
    for field in Field:
        meant = changes.get(field, before.get(field, ()))
        said = after.get(field, ())
        assert same(field, meant, said), f"{field}: {meant!r} was meant, {said!r} is said"
        if field not in changes:
            assert said == meant
    assert sound and sound_of(path) == sound
    assert others_of(path, changes) == others

    testimony = seen(path)
    assert not differing(witnessed, testimony, changes)
    for field, values in changes.items():
        views = {name: testimony[name] for name in names_of(field) if name in testimony}
        views = {name: texts for name, texts in views.items() if name.partition(":")[0] != "v1"}
        if not values:
            assert not views
        else:
            assert any(_agrees(field, values, *view) for view in views.items())

    again = edited(path, changes)
    assert again.frames == ()
    assert composed(path, again) == new
    return edit


def _agrees(field: Field, meant: tuple[str, ...], name: str, texts: tuple[str, ...]) -> bool:
    if name in ("id3:TYER", "id3:TYE"):
        return texts == (meant[0][:4],)  # month and day are in a frame of their own
    if name == OPUS_GAIN:  # steps of 1/256 dB from -23 LUFS
        return texts == (str(round((float(meant[0].split()[0]) - 5) * 256)),)
    return same(field, meant, texts)


@pytest.mark.parametrize("name", CASES)
def test_a_file_says_what_was_put_in(corpus: Corpus, name: str) -> None:
    said = read(corpus(name))
    assert said.keys() == SAYS[name].keys()
    for field, meant in SAYS[name].items():
        assert same(field, meant, said[field])


@pytest.mark.parametrize("name", CASES)
def test_changes_do_what_is_meant_and_nothing_else(corpus: Corpus, name: str) -> None:
    for title, changes in CHANGES.items():
        try:
            check(corpus(name), changes)
        except Exception as error:
            raise AssertionError(f"{name}, {title}: {error}") from error


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=ANY_CHANGES, more=ANY_CHANGES)
def test_any_changes_one_after_the_other(
    corpus: Corpus, name: str, changes: FieldValues, more: FieldValues
) -> None:
    path = corpus(name)  # built once, copied for each example
    check(path, changes)
    check(path, more)


@pytest.mark.parametrize("name", CASES)
def test_the_sound_is_heard_as_before(corpus: Corpus, name: str) -> None:
    path = corpus(name)
    before = heard(path)
    new = possible(NEW, opus=path.suffix == ".opus")
    path.write_bytes(composed(path, edited(path, new)))
    assert heard(path) == before
    path.write_bytes(composed(path, edited(path, dict.fromkeys(Field, ()))))
    assert heard(path) == before


@pytest.mark.parametrize("name", CASES)
def test_what_a_file_says_already_is_not_written(corpus: Corpus, name: str) -> None:
    path = corpus(name)
    check(path, RICH)
    edit = edited(path, read(path))
    assert edit == Edit((Keep(0, path.stat().st_size),), ())
    for field, values in read(path).items():
        assert edited(path, {field: values}).frames == ()


@pytest.mark.parametrize("name", CASES)
def test_old_values_can_be_put_back(corpus: Corpus, name: str) -> None:
    path = corpus(name)
    before = read(path)
    check(path, NEW)
    back = {field: before.get(field, ()) for field in Field}
    check(path, back)
    assert read(path).keys() == before.keys()


@pytest.mark.parametrize("name", CASES)
def test_taking_a_change_back_costs_little(corpus: Corpus, name: str) -> None:
    """What stays, above all pictures and sound, is kept and not written anew."""
    path = corpus(name)
    edit = edited(path, {Field.MOOD: ("happy",)})
    kept = sum(piece.length for piece in edit.pieces if isinstance(piece, Keep))
    assert path.stat().st_size - kept < 4096 + 512
