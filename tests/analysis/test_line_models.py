"""Two lines in one window, and the derivative of a line."""

from pathlib import Path

import numpy as np
import pytest

from sotlab.analysis.line_models import derivative_lineshape, fit_derivative, fit_two_lines
from sotlab.analysis.lineshape import lineshape
from sotlab.analysis.stfmr import STFMR, Spectrum, STFMRSettings
from sotlab.errors import FitError

from .macrospin import autoregressive

B = np.linspace(0.02, 0.12, 161)
FIRST, SECOND = (1e-6, -5e-7, 0.05, 0.004), (-4e-7, 3e-7, 0.085, 0.003)
FMR = Path(__file__).resolve().parents[3] / "shared" / "data" / "fmr"


def two(noise=2e-8, seed=0, rho=0.0, second=SECOND):
    clean = lineshape(B, *FIRST) + lineshape(B, *second, 1e-7, 1e-6)
    return clean + noise * autoregressive(np.random.default_rng(seed), len(B), rho)


def test_the_derivative_is_that_of_the_line():
    step = 1e-7
    numeric = (lineshape(B + step, *FIRST) - lineshape(B - step, *FIRST)) / (2 * step)
    np.testing.assert_allclose(derivative_lineshape(B, *FIRST), numeric, atol=1e-6 * np.abs(numeric).max())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_modulated_line_comes_back_at_both_signs_of_field(sign):
    signal = sign * derivative_lineshape(B, 1e-6, 4e-7, 0.06, 0.004, 1e-5, 1e-4)
    fit = fit_derivative([sign * B], [signal])
    found = [getattr(fit, name)[0] for name in ("v_sym", "v_asym", "field_res", "width")]
    np.testing.assert_allclose(found, [1e-6, 4e-7, 0.06, 0.004], rtol=1e-4)
    assert fit.field_sign[0] == sign


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_the_sigmas_of_a_modulated_line_hold(rho):
    rng, pulls = np.random.default_rng(0), []
    clean = derivative_lineshape(B, 1e-6, 4e-7, 0.06, 0.004)
    for _ in range(80):
        fit = fit_derivative([B], [clean + 8e-6 * autoregressive(rng, len(B), rho)])
        truth = {"v_sym": 1e-6, "v_asym": 4e-7, "field_res": 0.06, "width": 0.004}
        pulls.append([(getattr(fit, n)[0] - v) / getattr(fit, f"{n}_sigma")[0] for n, v in truth.items()])
    # 80 pulls: deviations of 1 +- 0.08, coverage 0.683 +- 0.052.
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.28)
    np.testing.assert_allclose(np.mean(np.abs(pulls) < 1, axis=0), 0.683, atol=0.18)


def test_noise_is_no_derivative_and_too_few_points_are_named():
    rng = np.random.default_rng(0)
    assert sum(fit_derivative([B], [autoregressive(rng, len(B), 0.8)]).good[0] for _ in range(20)) <= 1
    assert "too few points" in fit_derivative([B[:5]], [B[:5]]).flags[0][0]
    with pytest.raises(FitError, match="one each"):
        fit_derivative([B], [B[:5]])


@pytest.mark.parametrize(("name", "field_T"), [("yig_13GHz.txt", 0.3893), ("yig_14p5GHz.txt", 0.4403)])
def test_measured_yig_lines_are_where_they_are_known_to_be(name, field_T):
    if not FMR.is_dir():
        pytest.skip("needs the measured files in ../shared/data/fmr, which are not part of the project")
    table = np.loadtxt(FMR / name, skiprows=1)
    # The signal is in the second phase; the first has none.
    sweeps = [Spectrum(table[:, 0] * 1e-4, table[:, k], table[0, 3] * 1e9, name=name) for k in (1, 2)]
    empty, line = STFMR().reduce(sweeps, STFMRSettings(line="derivative")).to_json()["spectra"]
    assert empty["flags"][0].startswith("no line")
    assert line["field_res"]["value"] == pytest.approx(field_T, abs=2e-4)
    assert 1.4e-3 < line["width"]["value"] < 1.8e-3
    assert line["v_sym"]["unit"] == "V*T"


def test_two_lines_come_back_with_sigmas_that_hold():
    pulls = []
    for seed in range(25):
        pair = fit_two_lines(B, two(seed=seed))
        sigma = np.sqrt(np.einsum("kpp->kp", pair.covariance))
        pulls.append(((pair.values - [FIRST, SECOND]) / sigma).ravel())
    # 25 pulls each of eight values.
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.5)
    assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.683, abs=0.12)


def test_the_analysis_recognises_two_lines_and_gives_both():
    row = STFMR().reduce([Spectrum(B, two(), 7e9)]).to_json()["spectra"][0]
    assert row["flags"][0].startswith("two lines")
    assert row["field_res"]["value"] == pytest.approx(0.05, abs=2e-4)
    assert row["second_line"]["field_res"]["value"] == pytest.approx(0.085, abs=5e-4)
    mirrored = STFMR().reduce([Spectrum(-B, two(), 7e9)]).to_json()["spectra"][0]
    assert mirrored["second_line"]["field_res"]["value"] == pytest.approx(0.085, abs=5e-4)


def test_two_lines_of_one_size_are_recognised():
    row = STFMR().reduce([Spectrum(B, two(second=(-6e-7, 9e-7, 0.085, 0.003)), 7e9)]).to_json()["spectra"][0]
    assert row["flags"][0].startswith("two lines")


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_one_line_is_not_taken_for_two(rho):
    rng = np.random.default_rng(0)
    one = lineshape(B, *FIRST)
    sweeps = [Spectrum(B, one + 3e-8 * autoregressive(rng, len(B), rho), 7e9) for _ in range(30)]
    rows = STFMR().reduce(sweeps).to_json()["spectra"]
    assert sum("second_line" in row for row in rows) <= 1
