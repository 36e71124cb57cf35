"""The ratio method over a series of ferromagnets: both torques, sigmas that hold, and what is refused."""

import numpy as np
import pytest
from scipy.constants import e, hbar

from sotlab.analysis.fm_thickness import FMThickness, FMThicknessSettings
from sotlab.analysis.stfmr import STFMR, Spectrum
from sotlab.analysis.values import Value
from sotlab.errors import DataError, FitError

from .stfmr_labs import exactly, spectra, the_sample

T_M = np.array([3e-9, 4e-9, 6e-9, 8e-9, 12e-9])
MS, D = 0.95, 6e-9
XI_DL, XI_FL = 0.08, 0.0075


def settings(ms_sigma=0.0, d_sigma=0.0, ms=MS, d=D):
    return FMThicknessSettings(mu0_ms=Value(ms, ms_sigma, "T"), nm_thickness=Value(d, d_sigma, "m"))


def reduced(told, **columns):
    analysis = FMThickness()
    return analysis.reduce([analysis.dataset({"thickness": T_M, **columns}, {}, name="series.csv")], told)


def ratios():
    return XI_DL / (1 + hbar / e * XI_FL / (MS * T_M * D))


def test_spectra_of_several_films_give_back_both_torques_of_the_virtual_strip():
    # From the lines themselves: each film's xi_fmr is that of the analysis, and its field-like torque is the sample's.
    found = []
    for t_m in T_M:
        sample = the_sample(fm_thickness_m=t_m)
        measured = [
            Spectrum(b, v, f, angle_deg=a) for f, a, b, v in zip(*spectra(sample, [5e9, 7e9], [45.0]), strict=True)
        ]
        found.append(STFMR().reduce(measured, exactly(fm_thickness=t_m)).results["xi_fmr"].value)
    result = reduced(settings(), xi_fmr=np.array(found)).results
    assert result["xi_dl_j"].value == pytest.approx(3.2e5 * 2.5e-7, rel=1e-5)
    assert result["xi_fl_j"].value == pytest.approx(3e4 * 2.5e-7, rel=1e-4)


def test_one_sigma_holds_68_per_cent():
    pulls = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        ms, d = rng.normal(MS, 0.02), rng.normal(D, 1e-10)
        common, sigma = ms * d / (MS * D), 0.02 * ratios()  # the films are taken for what the laboratory was told
        result = reduced(
            settings(0.02, 1e-10, ms, d), xi_fmr=common * rng.normal(ratios(), sigma), sigma_xi_fmr=sigma
        ).results
        pulls.append([(result[n].value - v) / result[n].sigma for n, v in (("xi_dl_j", XI_DL), ("xi_fl_j", XI_FL))])
    # 400 laboratories: coverage of a perfect program scatters by 0.023, the mean pull by 0.05, the deviation by 0.035.
    pulls = np.array(pulls)
    assert np.all(np.abs(np.mean(np.abs(pulls) < 1, axis=0) - 0.683) < 0.08)
    assert np.all(np.abs(pulls.mean(axis=0)) < 0.18)
    assert np.all(np.abs(pulls.std(axis=0) - 1) < 0.13)


def test_the_measured_width_stands_beside_it_and_a_difference_of_two_sigma_is_flagged():
    own = {"xi_fmr": ratios(), "sigma_xi_fmr": 0.01 * ratios()}
    for width, differ in ((XI_DL, False), (1.2 * XI_DL, True)):
        result = reduced(settings(), **own, xi_dl_j=np.full(5, width), sigma_xi_dl_j=np.full(5, 0.003))
        assert result.results["xi_dl_j_width"].value == pytest.approx(width)
        assert any(flag.startswith("xi_dl_j, xi_dl_j_width: the series gives") for flag in result.flags) == differ


def test_what_does_not_follow_is_flagged_and_too_little_is_refused():
    wavy = ratios() * (1 + 0.1 * np.array([1, -1, 1, -1, 1]))
    assert any("scatter" in flag for flag in reduced(settings(), xi_fmr=wavy, sigma_xi_fmr=0.01 * ratios()).flags)
    lost = reduced(settings(), xi_fmr=T_M / 1e-9, sigma_xi_fmr=0.1 * T_M / 1e-9)  # 1/xi_fmr goes through 0
    assert lost.results["xi_dl_j"].value is None
    assert any(flag.startswith("xi_dl_j, xi_fl_j: not determined") for flag in lost.flags)
    analysis = FMThickness()
    two = analysis.dataset({"thickness": T_M[:2], "xi_fmr": ratios()[:2]}, {}, name="a.csv")
    with pytest.raises(FitError, match="2 films"):
        analysis.reduce([two], settings())
    for wrong in ({"thickness": T_M, "xi_fmr": 0 * T_M}, {"thickness": -T_M, "xi_fmr": T_M},
                  {"thickness": T_M, "xi_fmr": T_M, "sigma_xi_fmr": 0 * T_M}):  # fmt: skip
        with pytest.raises(DataError, match=r"a\.csv"):
            analysis.dataset(wrong, {}, name="a.csv")
    with pytest.raises(ValueError, match="mu0_ms"):
        settings(ms=-1.0)
