"""Odd and even part in the field."""

import numpy as np
import pytest

from sotlab.analysis.thz.parity import odd_even
from sotlab.errors import FitError

from .pulses import axis, pulse, slope

T = axis()
ORDER = np.resize([1, -1, -1, 1], 40)


def even_field(at_s=5.4e-12):
    return pulse(T, at_s, 0.2e-12)


def share_of(even, band=(0.3e12, 2.5e12)):
    f = np.fft.rfftfreq(len(T), T[1])
    use = (f >= band[0]) & (f <= band[1])
    return np.linalg.norm(np.fft.rfft(even)[use]) / np.linalg.norm(np.fft.rfft(pulse(T))[use])


def scans(seed, even=0.02, sigma=0.01, jitter_s=5e-15, signs=ORDER, drift_s=0.3e-15, loss=5e-4):
    """Jitter, drift of delay and power, and an even field in all of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for k, sign in enumerate(signs):
        late = jitter_s * rng.normal() + k * drift_s
        size = 1 + 0.005 * rng.normal() - k * loss
        rows.append(size * (sign * pulse(T - late) + even * even_field(5.4e-12 + late)) + rng.normal(0, sigma, len(T)))
    return np.array(rows)


def test_an_even_share_of_two_percent_holds_its_sigma_and_the_odd_part_is_reversed():
    truth = share_of(0.02 * even_field())
    found = [odd_even(T, scans(seed), ORDER) for seed in range(200)]
    values = [f.even_share for f in found if f.even_share.value is not None]
    assert len(values) > 150  # the delays' jitter makes a difference of the polarities of 0.8 fs, a third of this share
    assert np.mean([v.value for v in values]) == pytest.approx(truth, abs=1e-3)
    assert np.mean([abs(v.value - truth) < 0.003 for v in values]) > 0.7
    pulls = np.array([(v.value - truth) / v.sigma for v in values])
    # 200 draws: +- 3.3 %.
    assert 0.58 < np.mean(np.abs(pulls) < 1) < 0.78
    assert abs(pulls.mean()) < 0.3
    assert np.mean([f.correlation for f in found]) > 0.999
    assert np.mean([f.polarity.ratio.value for f in found]) == pytest.approx(-1, abs=0.04)


def test_a_delay_that_wanders_as_a_random_walk_is_in_the_even_parts_noise_and_no_more():
    """What differs between the polarities then is known by its steps: the scatter about a line is much larger."""
    t, steps = T[:120], 1e-15
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        late = np.cumsum(rng.normal(0, steps, 16))
        rows = [s * pulse(t - d, 3e-12) + rng.normal(0, 1e-5, len(t)) for s, d in zip(ORDER[:16], late, strict=True)]
        even = odd_even(t, np.array(rows), ORDER[:16]).even
        found.append((float(slope(t, 3e-12) @ even.signal_V), np.sqrt(even.variance_of(slope(t, 3e-12)))))
    value, sigma = np.array(found).T
    # 150 draws: 6 %, and each sigma is known to a quarter.
    assert np.sqrt(np.mean(sigma**2)) == pytest.approx(np.std(value), rel=0.25)


def test_alignment_does_not_delete_an_even_part_that_looks_like_the_odd_one():
    """An even part shaped as the odd one is a mere difference of amplitude between +B and -B."""
    rows = scans(0, even=0.0, sigma=0.002) + 0.05 * pulse(T)
    found = odd_even(T, rows, ORDER)
    assert found.even_share.value == pytest.approx(0.05, abs=0.006)
    assert found.polarity.ratio.value == pytest.approx(-1.05 / 0.95, rel=0.02)


def test_drift_of_delay_and_power_does_not_look_even():
    found = odd_even(T, scans(1, even=0.0, drift_s=2e-15, loss=3e-3), ORDER)
    assert found.even_share.value is None
    assert found.upper_limit < 0.02
    assert "nothing stands out" in found.flags[-1]
    assert found.correlation > 0.999


def test_the_odd_part_is_the_pulse():
    found = odd_even(T, scans(2), ORDER)
    assert np.corrcoef(found.odd.signal_V, pulse(T, 5e-12 + 5.9e-15))[0, 1] > 0.999
    # sigma of each half is sigma/sqrt(2) of a polarity's average.
    np.testing.assert_allclose(found.odd.sigma_V, found.plus.sigma_V / np.sqrt(2), rtol=1e-6)


def test_a_spoilt_scan_is_named():
    rows = scans(3)
    rows[7] += np.random.default_rng(0).normal(0, 0.3, len(T))
    assert [name for name, _ in odd_even(T, rows, ORDER, [f"B{k}" for k in range(40)]).rejected] == ["B7"]


def test_polarities_one_after_the_other_are_flagged():
    signs = np.repeat([1, -1], 20)
    assert any("not interleaved" in flag for flag in odd_even(T, scans(4, signs=signs), signs).flags)


@pytest.mark.parametrize("signs", [np.ones(40), np.r_[-1, np.ones(39)], np.ones(3)])
def test_one_polarity_is_not_enough(signs):
    with pytest.raises(FitError, match="odd/even"):
        odd_even(T, scans(5), signs)


def test_noise_has_no_odd_part():
    with pytest.raises(FitError, match=r"nothing odd|no signal|alike"):
        odd_even(T, np.random.default_rng(0).normal(0, 1, (40, 200)), ORDER)
