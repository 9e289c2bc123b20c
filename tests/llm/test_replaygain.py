"""ReplayGain's tags, from what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.fields import Field, FieldValues, cleaned
from msa_desktop.base.music import Loudness, Measures
from msa_desktop.base.proposals import Suggestion
from msa_desktop.llm import measured
from msa_desktop.llm._base import Evidence
from tests.support_llm import RULES, evidence

LOUD = Loudness(-9.5, 0.98855, 0, 0)


def known(
    loudness: Loudness | None, says: FieldValues | None = None, codec: str = "flac"
) -> Evidence:
    return replace(evidence(says=says), measures=Measures(loudness=loudness), codec=codec)


def test_gain_and_peak_are_suggested_with_what_was_measured() -> None:
    found = measured.replaygain(known(LOUD))
    reason = "measured \u22129.5 LUFS, brought to \u221218"
    assert found == {
        Field.TRACK_GAIN: (Suggestion("-8.50 dB", 1.0, reason=reason),),
        Field.TRACK_PEAK: (Suggestion("0.988550", 1.0, reason="measured: the highest sample"),),
    }
    assert RULES.suggest(known(LOUD)) == found
    quiet = measured.replaygain(known(Loudness(-31.25, 0.1, 0, 0)))
    assert quiet[Field.TRACK_GAIN][0].value == "13.25 dB"


@pytest.mark.parametrize("loudness", [None, Loudness(None, 0.0, 5, 0), Loudness(None, 0.3, 0, 0)])
def test_silence_and_the_unmeasured_get_none(loudness: Loudness | None) -> None:
    assert measured.replaygain(known(loudness)) == {}


@pytest.mark.parametrize(
    ("said", "is_proposed"),
    [
        ("-8.50 dB", False), ("-8.9", False), ("-8,05db", False), (" -8.01 DB ", False),
        ("-9.01 dB", True), ("8.50 dB", True), ("loud", True), ("nan dB", True), ("", True),
    ],
)  # fmt: skip
def test_a_gain_that_sounds_the_same_stays(said: str, is_proposed: bool) -> None:
    found = measured.replaygain(known(LOUD, {Field.TRACK_GAIN: (said,)}))
    assert bool(found) == is_proposed


def test_opus_gets_no_peak() -> None:
    assert measured.replaygain(known(LOUD, codec="opus")).keys() == {Field.TRACK_GAIN}


@given(st.floats(-70, 20), st.floats(0, 99))
def test_whatever_is_measured_can_be_written(integrated: float, peak: float) -> None:
    for field, made in measured.replaygain(known(Loudness(integrated, peak, 0, 0))).items():
        assert cleaned(field, [made[0].value]) == (made[0].value,)
