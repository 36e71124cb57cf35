"""Half the difference and half the sum of two series: which films are a pair, and how well the halves are known."""

import numpy as np
import pytest

from sotlab.analysis.halves import Halves, HalvesSettings
from sotlab.errors import DataError

ODD, EVEN = 39_750.0, -7_050.0


def series(name, sign, thickness_m=None, sigma=600.0, offset=0.0, **columns):
    count = 1 if thickness_m is None else len(thickness_m)
    values = {"xi_dl_E": np.full(count, EVEN + sign * ODD + offset), "sigma_xi_dl_E": np.full(count, sigma)}
    if thickness_m is not None:
        values["thickness"] = np.array(thickness_m)
    return Halves().dataset(values | columns, {}, name=name, simulated=name == "a")


def test_halves_of_one_pair_are_the_results_with_their_sigma():
    found = Halves().reduce([series("a", 1), series("b", -1)])
    assert found.results["xi_dl_E_odd"].value == pytest.approx(ODD)
    assert found.results["xi_dl_E_even"].value == pytest.approx(EVEN)
    assert found.results["xi_dl_E_odd"].sigma == pytest.approx(600 / np.sqrt(2))
    assert found.simulated is True
    assert set(found.results) == {"xi_dl_E_odd", "xi_dl_E_even"}


def test_a_common_scale_is_that_of_each_half_and_not_that_of_its_parts():
    # Both films are 2 % too large together: the odd part by 2 % of itself, the even part by 2 % of its own small self.
    one, other = ((abs(EVEN + sign * ODD) * 0.02) for sign in (1, -1))
    pair = [series("a", 1, sigma=one), series("b", -1, sigma=other)]
    found = Halves().reduce(pair, HalvesSettings(scale_sigma=0.02)).results
    assert found["xi_dl_E_odd"].sigma == pytest.approx(0.02 * ODD)
    assert found["xi_dl_E_even"].sigma == pytest.approx(0.02 * abs(EVEN))


def test_films_are_paired_by_thickness_and_results_are_those_of_the_thickest():
    pair = [series("a", 1, [1e-9, 3.02e-9, 9e-9]), series("b", -1, [2.98e-9, 1.01e-9])]
    found = Halves().reduce(pair)
    assert [row["thickness"] for row in found.rows] == pytest.approx([1.005e-9, 3.0e-9])
    assert any("at 3 nm, the thickest" in flag for flag in found.flags)


def test_what_one_of_the_pair_lacks_is_not_determined():
    found = Halves().reduce([series("a", 1), series("b", -1, xi_dl_E=np.array([np.nan]))])
    assert found.results["xi_dl_E_odd"].value is None
    assert "xi_dl_E_odd: not determined: one of the pair has no value" in found.flags
    unknown = Halves().reduce([series("a", 1), series("b", -1, sigma=np.nan)])
    assert unknown.results["xi_dl_E_odd"].value is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([series("a", 1)], "two series are compared, not 1"),
        ([series("a", 1, [1e-9]), series("b", -1, [2e-9])], "no film of 'a' has its like in 'b'"),
        ([series("a", 1, [1e-9, 2e-9]), series("b", -1)], "no film of 'a' has its like in 'b'"),
    ],
)
def test_what_is_no_pair_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        Halves().reduce(given)


def test_coverage_of_both_halves():
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(500):
        scale = 1 + 0.01 * rng.standard_normal()
        pair = []
        for name, sign in (("a", 1), ("b", -1)):
            truth = EVEN + sign * ODD
            value = scale * truth + 600 * rng.standard_normal()
            one = {"xi_dl_E": np.array([value]), "sigma_xi_dl_E": np.array([np.hypot(600, 0.01 * truth)])}
            pair.append(Halves().dataset(one, {}, name=name))
        found = Halves().reduce(pair, HalvesSettings(scale_sigma=0.01)).results
        pulls.append([(found[f"xi_dl_E_{which}"].value - truth) / found[f"xi_dl_E_{which}"].sigma
                      for which, truth in (("odd", ODD), ("even", EVEN))])  # fmt: skip
    # 500 draws: the standard deviation of the share within 1 sigma is 0.021.
    share = np.mean(np.abs(pulls) < 1, axis=0)
    assert np.all(np.abs(share - 0.683) < 4 * 0.021)
