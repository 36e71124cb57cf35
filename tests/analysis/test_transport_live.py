"""What transport and low-field runs show while their readings arrive: values, and the curve that belongs to them."""

import numpy as np
import pytest

from sotlab.analysis.harmonic_hall_analysis import HarmonicHall, HarmonicHallSettings
from sotlab.analysis.transport_analyses import (
    HallLoop,
    HallLoopSettings,
    ParallelConduction,
    ParallelConductionSettings,
    SheetResistance,
    SheetResistanceSettings,
    VanDerPauw,
    VanDerPauwSettings,
)
from sotlab.analysis.values import Value

from .hall_films import HEAT, PMA, TORQUE
from .macrospin import harmonics
from .test_hall_loop import FIELD_T, loop


def test_a_loop_shows_its_saturated_states_and_nothing_between_them():
    live = HallLoop().live({"field": FIELD_T, "resistance": loop()}, HallLoopSettings())
    assert live.values["r_a"].value == pytest.approx(-1.9, rel=1e-6)
    outside = np.abs(live.curve_x) >= 0.35
    assert np.array_equal(np.isfinite(live.curve_y), outside)
    high = live.curve_x[outside] > 0
    assert live.curve_y[outside][high] == pytest.approx(0.3 - 1.9 + 0.02 * live.curve_x[outside][high], rel=1e-6)


def test_a_strip_shows_its_line_and_a_curve_of_temperatures_both_channels():
    strip = SheetResistanceSettings(width=Value(10e-6, 1e-7, "m"), length=Value(40e-6, 0.0, "m"))
    current_A = np.linspace(-1e-5, 1e-5, 7)
    live = SheetResistance().live({"current": current_A, "voltage": 400.0 * current_A + 1e-5}, strip)
    assert live.values["sheet_resistance"].value == pytest.approx(100.0)
    assert live.y == pytest.approx(400.0 * current_A + 1e-5)
    at_K = np.linspace(20, 300, 29)
    hop = np.exp(-400 / at_K + 400 / 300)
    resistance = 1000 / (0.9 / (1 + 2e-4 * (at_K - 300)) + 0.1 * hop)
    live = ParallelConduction().live({"temperature": at_K, "resistance": resistance}, ParallelConductionSettings())
    assert live.values["metallic_share"].value == pytest.approx(0.9, rel=1e-3)
    assert live.y == pytest.approx(resistance, rel=1e-5)


def test_values_that_are_no_function_of_the_rows_come_without_a_curve():
    columns = {"r_a": np.array([10.0, 10.1, 9.9]), "r_b": np.array([20.0, 20.1, 19.9])}
    live = VanDerPauw().live(columns, VanDerPauwSettings())
    assert live.values["r_a"].value == pytest.approx(10.0)
    assert len(live.x) == len(live.curve_x) == 0
    once = VanDerPauw().live({role: column[:1] for role, column in columns.items()}, VanDerPauwSettings())
    assert [flag.partition(":")[0] for flag in once.flags] == ["r_a", "r_b"]
    assert "single reading" in once.flags[0]


def test_a_low_field_run_shows_a_line_through_the_sweep_that_goes_on():
    field_T, both = np.linspace(-0.08, 0.08, 17), []
    for azimuth in (0.0, np.pi / 2):
        both.append(harmonics(field_T, np.pi / 2, azimuth, up=True, **(PMA | TORQUE | HEAT)))
    r_1w, r_2w = np.concatenate(both, axis=1)
    columns = {"field": np.tile(field_T, 2), "angle": np.repeat([0.02, 89.99], 17), "state": np.ones(34)}
    live = HarmonicHall().live(columns | {"r_1w": r_1w, "r_2w": r_2w}, HarmonicHallSettings(geometry="low-field"))
    assert live.rows.tolist() == list(range(17, 34))
    assert live.y == pytest.approx(r_2w[17:], abs=0.02 * np.ptp(r_2w[17:]))
