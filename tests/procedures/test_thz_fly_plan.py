"""The planner of fly scans: what it chooses keeps the band, and what would cut it is refused with the reason."""

import math

import pytest
from scipy.constants import c

from sotlab.errors import LimitError, PlanError
from sotlab.procedures.thz_fly_plan import plan_fly

STEPS = tuple(a * 10.0**b for b in range(-5, 2) for a in (1.0, 3.0))


class Lockin:
    """An SR830, as far as a plan asks."""

    time_constants_s = STEPS
    most_samples = 16383

    def __init__(self, poles=4):
        self.poles = poles

    def recording_rate_Hz(self, rate_Hz):
        for step in range(-4, 10):
            if 2.0**step >= rate_Hz * (1 - 1e-9):
                return 2.0**step
        raise LimitError(f"{rate_Hz:g} samples a second asked, the most is 512")


class Stage:
    """A stage that accelerates by 0.1 m/s^2."""

    def run_up_m(self, velocity_m_per_s):
        if velocity_m_per_s > 0.05:
            raise LimitError(f"{velocity_m_per_s:g} m/s asked, the most is 0.05")
        return velocity_m_per_s**2 / 0.2 + 0.1 * velocity_m_per_s


def plan(poles=4, **asked):
    settings = {"window_s": 100e-12, "passes": 1, "highest_Hz": 3e12, "chopping_Hz": 6e3, **asked}
    return plan_fly(Lockin(poles), Stage(), **settings)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
@pytest.mark.parametrize("window_s", [6e-12, 100e-12])
def test_what_is_chosen_keeps_the_band(poles, window_s):
    chosen = plan(poles, window_s=window_s)
    at_lockin_Hz = 3e12 * chosen.rate
    assert (1 + (2 * math.pi * at_lockin_Hz * chosen.time_constant_s) ** 2) ** (-poles / 2) >= 0.7
    assert chosen.sample_rate_Hz >= 8 * at_lockin_Hz
    assert chosen.time_constant_s >= 3 / 6e3
    assert chosen.samples <= 16383
    assert window_s / chosen.rate >= 0.7 * chosen.pass_s
    assert chosen.velocity_m_per_s == pytest.approx(chosen.rate * c / 2)


def test_the_sheet_of_the_physics_is_met():
    """10 ps/s with two poles of 3 ms: |H| at 3 THz is 0.76; 10 ps/s are 1.499 mm/s and put 3 THz at 30 Hz."""
    asked = plan(2, rate=1e-11, time_constant_s=3e-3)
    assert asked.transmission == pytest.approx(0.76, abs=0.005)
    assert asked.velocity_m_per_s == pytest.approx(1.499e-3, rel=1e-3)
    assert asked.sample_rate_Hz == pytest.approx(8 * 30.0, rel=0.1)


def test_light_that_passes_twice_needs_half_the_speed():
    assert plan(rate=1e-11, passes=2).velocity_m_per_s == pytest.approx(plan(rate=1e-11).velocity_m_per_s / 2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"rate": 1e-11, "time_constant_s": 10e-3, "poles": 2},
            r"10 ms|0\.01 s with 2 poles leaves 22%, 70% is the least",
        ),
        ({"rate": 1e-11, "sample_rate_Hz": 64.0}, r"64 samples a second are 2\.1 for a period, 8 are the least"),
        ({"rate": 1e-9}, r"a tenth of the chopping, 600 Hz, is the most"),
        ({"rate": 1e-11, "chopping_Hz": 400.0}, r"no time constant from 0\.0075 s \(of the chopper\)"),
        ({"rate": 1e-12, "window_s": 1e-9}, r"the lock-in's buffer holds 16383"),
        ({"rate": 1e-11, "time_constant_s": 2e-3}, r"0\.002 s is none of the lock-in's; try 0\.00[13]"),
        ({"window_s": 1e-15}, r"no speed fits"),
    ],
)
def test_what_would_cut_the_band_is_refused_with_the_reason(asked, said):
    with pytest.raises(PlanError, match=said):
        plan(**asked)


def test_what_the_instruments_do_not_allow_is_their_error():
    with pytest.raises(LimitError, match=r"the most is 0\.05"):
        plan(rate=5e-10, highest_Hz=0.1e12)
