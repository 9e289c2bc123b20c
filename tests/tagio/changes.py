"""Changes of tags that every format can hold, made up by hypothesis."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned

# What some format has no room for, and says so or reads as another value: a month without a day and
# values with a semicolon before ID3v2.4, a genre that is a number, MP4's tracks with leading zeros.
REFUSED = {
    Field.DATE: r"\d{4}-\d\d",
    Field.TRACK: r"(.*/)?0.*",
    Field.DISC: r"(.*/)?0.*",
    Field.GENRE: r"\s*(\d+\s*|\(.*|RX|CR)|.*;.*",
    Field.MOOD: r".*;.*",
    Field.GROUPING: r".*;.*",
}


def _value(field: Field) -> st.SearchStrategy[str]:
    form = FACTS[field].form
    if form is not None:
        values = st.from_regex(form, fullmatch=True, alphabet=st.characters(codec="ascii"))
    else:
        values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
    refused = re.compile(REFUSED.get(field, r"(?!)"), re.DOTALL)
    return values.filter(lambda text: not refused.fullmatch(text))


def _values(field: Field) -> st.SearchStrategy[tuple[str, ...]]:
    most = 4 if FACTS[field].many else 1
    return st.lists(_value(field), max_size=most).map(lambda words: cleaned(field, words))


ANY_CHANGES = st.sets(st.sampled_from(list(Field)), max_size=6).flatmap(
    lambda some: st.fixed_dictionaries({field: _values(field) for field in sorted(some)})
)


def possible(changes: FieldValues, *, opus: bool) -> dict[Field, tuple[str, ...]]:
    """What a file has a place for: one of Opus has none for a peak."""
    refused = (Field.TRACK_PEAK,) if opus else ()
    return {
        field: values for field, values in changes.items() if not values or field not in refused
    }


def same(field: Field, meant: tuple[str, ...], said: tuple[str, ...]) -> bool:
    """Whether a file says what was meant, as far as its format can."""
    if field is Field.BPM and meant and said:
        return abs(float(meant[0]) - float(said[0])) <= 0.5  # MP4 has whole numbers alone
    # ID3v2.3 has one value a frame; several are joined.
    return said == meant or "; ".join(said) == "; ".join(meant)
