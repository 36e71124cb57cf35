"""The simulated magnet: slew, lag, remanence."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sotlab.simulated.physics.magnet import Magnet, PlayHysteresis

THRESHOLDS_A = (0.03, 0.1, 0.3, 1.0)


def make_magnet(remanence_T=2e-3):
    return Magnet(
        PlayHysteresis(0.02, remanence_T, THRESHOLDS_A), time_constant_s=0.15, slew_A_per_s=10.0, resistance_ohm=2.0
    )


def test_current_after_a_history_of_settings_agrees_with_a_numerical_solution():
    magnet = make_magnet()
    settings = [(0.0, 5.0), (0.2, -3.0), (0.35, 4.0), (1.0, 0.5), (1.02, 6.0)]  # some cut a ramp short
    times_s = np.arange(0.0, 3.0, 1e-3)
    reference_A, references_A, target_A, queue = 0.0, [], 0.0, list(settings)
    for t in times_s:  # the supply's ramp in small steps
        if queue and t >= queue[0][0] - 1e-9:
            target_A = queue.pop(0)[1]
        references_A.append(reference_A)
        reference_A += np.clip(target_A - reference_A, -10.0 * 1e-3, 10.0 * 1e-3)
    solution = solve_ivp(
        lambda t, current: (np.interp(t, times_s, references_A) - current) / 0.15,
        (0.0, 2.999), [0.0], t_eval=times_s[::100], max_step=2e-3, rtol=1e-8,
    )  # fmt: skip
    found_A, queue = [], list(settings)
    for t in times_s[::100]:
        while queue and t >= queue[0][0] - 1e-9:
            magnet.set_current(*queue.pop(0))
        found_A.append(magnet.current_A(t))
    np.testing.assert_allclose(found_A, solution.y[0], atol=1.5e-3)  # one step of the numerical ramp lags by 1 ms


def test_field_does_not_depend_on_when_it_is_looked_at():
    looked, unseen = make_magnet(), make_magnet()
    for t, current_A in [(0.0, 4.0), (0.3, 1.0), (0.6, 3.0), (2.0, -1.0)]:
        for early in np.linspace(0.0, 0.25, 20):
            looked.set_current(t, current_A)
            looked.field_T(t + early)
        unseen.set_current(t, current_A)
    assert looked.field_T(5.0) == pytest.approx(unseen.field_T(5.0), abs=1e-15)


def test_current_that_still_rises_when_the_supply_turns_round_is_seen_by_the_yoke():
    # at 0.4 s the supply stands at 4 A and the coil lags 1.4 A behind: it rises on to 3.01 A before it falls
    magnet = make_magnet()
    magnet.set_current(0.0, 10.0)
    magnet.set_current(0.4, 2.9)
    currents_A = [magnet.current_A(t) for t in np.linspace(0.4, 3.0, 4001)]
    assert max(currents_A) > currents_A[-1] + 0.1  # less than the band of the two largest thresholds: they remember
    yoke, plays_A = PlayHysteresis(0.02, 2e-3, THRESHOLDS_A), (0.0,) * 4
    for current_A in [*np.linspace(0.0, currents_A[0], 100), *currents_A]:
        plays_A = yoke.follow(plays_A, current_A)
    weights = yoke.weights_T_per_A()
    expected_T = (0.02 - sum(weights)) * currents_A[-1] + np.dot(weights, plays_A)
    assert magnet.field_T(3.0) == pytest.approx(expected_T, abs=1e-8)


def test_lag_is_the_inductive_time_constant():
    magnet = make_magnet()
    magnet.set_current(0.0, 0.001)  # a step of 0.1 ms at the slew limit
    assert magnet.current_A(0.15) == pytest.approx(0.001 * (1 - np.exp(-1.0)), rel=1e-3)
    assert magnet.current_A(10.0) == pytest.approx(0.001, rel=1e-12)


def test_terminal_voltage_drives_resistance_and_inductance():
    magnet = make_magnet()
    magnet.set_current(0.0, 5.0)
    slope = (magnet.current_A(0.3001) - magnet.current_A(0.2999)) / 2e-4
    assert magnet.voltage_V(0.3) == pytest.approx(2.0 * (magnet.current_A(0.3) + 0.15 * slope), rel=1e-6)


def test_remanence_has_the_sign_of_the_last_excursion_and_a_loop_closes():
    magnet = make_magnet()
    fields_T = []
    for i, current_A in enumerate((10.0, 0.0, -10.0, 0.0, 10.0, 0.0)):
        magnet.set_current(10.0 * i, current_A)
        fields_T.append(magnet.field_T(10.0 * i + 9.9))
    assert fields_T[1] == pytest.approx(2e-3, rel=1e-9)
    assert fields_T[3] == pytest.approx(-2e-3, rel=1e-9)
    assert fields_T[5] == fields_T[1]
    assert fields_T[0] == pytest.approx(0.2 - 2e-3, rel=1e-9)


def test_small_loops_show_a_small_hysteresis():
    magnet = make_magnet()
    splits_T = []
    t = 0.0
    for swing_A in (0.1, 1.0):
        at_zero_T = []
        for current_A in (swing_A, 0.0, -swing_A, 0.0, swing_A, 0.0, -swing_A, 0.0):
            magnet.set_current(t := t + 10.0, current_A)
            at_zero_T.append(magnet.field_T(t + 9.9))
        splits_T.append(at_zero_T[5] - at_zero_T[7])
    assert 0 < splits_T[0] < 0.5 * splits_T[1] < 0.5 * 4e-3


def test_output_switched_off_lets_the_current_decay_and_leaves_the_remanence():
    magnet = make_magnet()
    magnet.set_current(0.0, 10.0)
    magnet.release(20.0)
    assert magnet.current_A(20.15) == pytest.approx(10.0 * np.exp(-1.0), rel=1e-9)
    assert magnet.voltage_V(20.15) == 0.0
    assert magnet.field_T(40.0) == pytest.approx(2e-3, rel=1e-6)


def test_travel_bounds_how_far_the_field_still_moves():
    magnet = make_magnet()
    magnet.set_current(0.0, 8.0)
    for t in (0.0, 0.3, 0.9, 1.5, 4.0):
        assert magnet.travel_T(t) >= abs(magnet.field_T(60.0) - magnet.field_T(t)) - 1e-12
    assert magnet.travel_T(30.0) < 1e-12


def test_a_magnet_that_was_never_driven_has_no_field():
    magnet = make_magnet()
    assert magnet.field_T(123.0) == 0.0
    assert magnet.current_A(123.0) == 0.0
    assert magnet.voltage_V(123.0) == 0.0


# --- a coil that warms up -------------------------------------------------------------------------------------


def warm_magnet(heating_per_A2=2e-3, heating_s=40.0):
    yoke = PlayHysteresis(0.02, 2e-3, THRESHOLDS_A)
    return Magnet(yoke, 0.15, 10.0, 2.0, heating_per_A2, heating_s)


def test_warmth_after_a_history_of_currents_agrees_with_a_numerical_solution():
    magnet, settings = warm_magnet(), [(0.0, 10.0), (30.0, -4.0), (30.5, 6.0), (90.0, 0.0)]
    moments_s = [5.0, 29.0, 30.4, 60.0, 120.0]
    found, queue, currents = [], list(settings), []
    for t in np.arange(0.0, 121.0, 0.01):
        while queue and t >= queue[0][0] - 1e-9:
            magnet.set_current(*queue.pop(0))
        currents.append((t, magnet.current_A(t)))
        if any(abs(t - moment) < 1e-6 for moment in moments_s):
            # the voltage of the cold coil is that of the reference
            cold_V = 2.0 * magnet.reference_A(t)
            found.append((magnet.voltage_V(t) - cold_V) / 2.0)
    times_s, currents_A = np.array(currents).T
    solution = solve_ivp(
        lambda t, w: (2e-3 * np.interp(t, times_s, currents_A) ** 2 - w) / 40.0,
        (0.0, 120.0), [0.0], t_eval=moments_s, max_step=0.05, rtol=1e-8,
    )  # fmt: skip
    expected = solution.y[0] * np.interp(moments_s, times_s, currents_A)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("before_A", [0.0, 12.0])
def test_current_at_the_voltage_limit_sags_or_recovers_with_the_coils_warmth(before_A):
    magnet = warm_magnet()
    warmth = 0.0
    if before_A:
        magnet.set_current(0.0, before_A)
        warmth = 2e-3 * before_A**2 * (1 - np.exp(-400.0 / 40.0))
    magnet.set_current(400.0, 10.0, 22.0)  # 10 A need 24 V in the end
    solution = solve_ivp(
        lambda t, w: (2e-3 * min(10.0, 22.0 / (2.0 * (1 + w[0]))) ** 2 - w) / 40.0,
        (0.0, 300.0), [warmth], dense_output=True, max_step=0.2, rtol=1e-9,
    )  # fmt: skip
    for t in (10.0, 25.0, 40.0, 80.0, 300.0):
        expected_A = min(10.0, 22.0 / (2.0 * (1 + solution.sol(t)[0])))
        assert magnet.current_A(400.0 + t) == pytest.approx(expected_A, rel=6e-3)
        assert magnet.voltage_V(400.0 + t) <= 22.0 * 1.003
    assert magnet.field_T(700.0) < 0.2
    end_A = magnet.current_A(700.0)
    assert end_A * (1 + 2e-3 * end_A**2) == pytest.approx(11.0, rel=2e-3)


def test_looking_at_a_sagging_current_does_not_change_it():
    looked, unseen = warm_magnet(), warm_magnet()
    for magnet in (looked, unseen):
        magnet.set_current(0.0, 10.0, 22.0)
    for t in np.linspace(1.0, 200.0, 50):
        looked.field_T(t)
        looked.voltage_V(t)
    for magnet in (looked, unseen):
        magnet.set_current(200.0, 3.0)
    assert looked.field_T(260.0) == unseen.field_T(260.0)


def test_cold_coil_is_as_before():
    magnet = make_magnet()
    magnet.set_current(0.0, 10.0, 15.0)
    assert magnet.current_A(30.0) == pytest.approx(7.5)
    assert magnet.voltage_V(30.0) == 15.0
