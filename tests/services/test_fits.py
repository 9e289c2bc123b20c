from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.services.fits import LEAST, USUAL, Fits, fit


def fits_of(*values: float) -> FloatArray:
    return np.array(values, np.float32)


@pytest.fixture
def fits() -> Fits:
    return Fits(np.array([3, 5, 9]))


def test_the_curve() -> None:
    curve = fit(fits_of(-9, 0, 1, 9, np.nan))
    assert curve[0] == pytest.approx(LEAST, abs=1e-3)
    assert curve[1] < 0.25
    assert curve[2] == pytest.approx(0.5)
    assert curve[3] == pytest.approx(1 - LEAST, abs=1e-3)
    assert np.isnan(curve[4])


def test_a_track_must_fit_everything(fits: Fits) -> None:
    fits.weigh(fits_of(0.97, 0.6, 0.1))
    fits.weigh(fits_of(0.1, 0.6, 0.97))
    assert [one.id for one in fits.best(3)] == [5, 3, 9]
    assert fits.best(1)[0].score == pytest.approx(0.6)


def test_what_is_negated_and_weighs_more(fits: Fits) -> None:
    fits.weigh(fits_of(0.5, 0.5, 0.5))
    fits.weigh(fits_of(0.9, 0.1, 0.5), 2, negated=True)
    assert [one.id for one in fits.best(3)] == [5, 9, 3]
    assert fits.best(1)[0].score == pytest.approx((0.5 * 0.9 * 0.9) ** (1 / 3))


def test_a_track_that_answers_nothing_is_not_listed(fits: Fits) -> None:
    fits.weigh(fits_of(0.1, 0.8, 0.17))
    fits.weigh(fits_of(0.01, 0.01, 0.01), negated=True)
    assert [one.id for one in fits.best(3)] == [5]


def test_only_negated(fits: Fits) -> None:
    fits.weigh(fits_of(0.9, 0.1, 0.5), negated=True)
    assert [one.id for one in fits.best(3)] == [5, 9, 3]


def test_conditions(fits: Fits) -> None:
    fits.keep(np.array([3, 9, 77]))
    assert [(one.id, one.score) for one in fits.best(9)] == [(3, 1), (9, 1)]
    fits.keep(np.array([9]), negated=True)
    assert [one.id for one in fits.best(9)] == [3]


def test_what_is_not_known_of_a_track_is_usual_there(fits: Fits) -> None:
    fits.weigh(fits_of(0.5, 0.5, 0.5))
    fits.weigh(fits_of(0.9, np.nan, 0.1))
    assert [one.id for one in fits.best(3)] == [3, 5, 9]
    assert fits.best(2)[1].score == pytest.approx((0.5 * USUAL) ** 0.5)
    fits.weigh(fits_of(0.9, np.nan, 0.1), 8, negated=True)
    assert [one.id for one in fits.best(3)] == [9, 5, 3]


@pytest.mark.parametrize("negated", [True, False])
def test_a_track_of_which_nothing_is_known_is_no_answer(fits: Fits, negated: bool) -> None:
    assert [one.id for one in fits.best(3)] == [3, 5, 9], "nothing was asked yet"
    fits.weigh(fits_of(0.5, np.nan, 0.6), negated=negated, least=0)
    assert {one.id for one in fits.best(3)} == {3, 9}
    assert fits.left().tolist() == [3, 5, 9]


def test_leading_tracks_need_answer_nothing_yet(fits: Fits) -> None:
    fits.weigh(fits_of(0.1, 0.2, 0.15))
    fits.keep(np.array([5]), negated=True)
    assert fits.best(3) == []
    assert fits.leading(1).tolist() == [9]


def test_values_are_lined_up_by_id(fits: Fits) -> None:
    lined_up = fits.spread(np.array([9, 3]), fits_of(1, 2), np.nan)
    np.testing.assert_array_equal(lined_up, [2, np.nan, 1])
    assert fits.flags(np.array([77, 9, 1])).tolist() == [False, False, True]


def test_explanations(fits: Fits) -> None:
    fits.weigh(fits_of(0.9, 0.8, 0.7))
    fits.explain("piano", np.array([True, False, True]))
    fits.explain("sad", np.array([True, False, False]))
    fits.credit("ear", np.array([False, True, False]))
    fits.credit("ear", np.array([True, False, False]))
    assert [one.labels for one in fits.best(3)] == [("piano", "sad"), (), ("piano",)]
    assert [one.encoders for one in fits.best(3)] == [("ear",), ("ear",), ()]


def test_an_empty_library() -> None:
    fits = Fits(np.empty(0, np.int64))
    fits.weigh(np.empty(0, np.float32))
    fits.keep(np.array([4]))
    assert fits.best(5) == []
