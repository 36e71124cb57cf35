"""How fast a delay scan on the fly may go: speed, time constant and sample rate for a band, or why it cannot be.

The stage's speed turns a terahertz frequency f into f rate at the lock-in, rate = 2 passes v/c. Its low pass must let
that through, and the samples must be dense enough to hold it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy.constants import c

from sotlab.errors import LimitError, PlanError

__all__ = ["FlyPlan", "plan_fly"]

#: What the low pass must leave of the amplitude at the band's end: what it takes is put back, and noise with it.
LEAST_TRANSMISSION = 0.7
#: Samples for each period of the band's end: two for each of four knots that a spline through them needs.
SAMPLES_PER_PERIOD = 8.0
#: What of the noise's power may fold down from above half of the sample rate.
FOLDED = 0.01
#: Periods of the chopper in a time constant at least, or the chopping itself comes through.
CHOPS = 3.0
#: Part of a pass that is to lie within the window, when the speed is chosen.
USEFUL = 0.7
#: Shortest time within the window [s]: the stage's position is asked for every 20 ms meanwhile.
SHORTEST_S = 0.3
#: Speeds that are tried [s of delay per s].
RATES = tuple(a * 10.0**b for b in (-10, -11, -12, -13, -14) for a in (5.0, 2.0, 1.0))
#: How long the stage stands before and after it moves, while the lock-in records [s].
REST_S = 0.1


@dataclass(frozen=True)
class FlyPlan:
    """How a pass goes.

    Parameters
    ----------
    rate : float
        Seconds of delay per second of time.
    velocity_m_per_s : float
        Of the stage.
    time_constant_s : float
        Of each pole of the low pass [s].
    poles : int
        Of the low pass.
    transmission : float
        What it leaves of the amplitude at the band's end.
    sample_rate_Hz : float
        That is asked for; the instrument may take a higher one.
    run_up_m : float
        Way before and after the window [m].
    pass_s : float
        Time of a pass, from rest to rest [s].
    samples : int
        Of a pass, with the rest before and after.
    """

    rate: float
    velocity_m_per_s: float
    time_constant_s: float
    poles: int
    transmission: float
    sample_rate_Hz: float
    run_up_m: float
    pass_s: float
    samples: int


def plan_fly(
    lockin: Any,
    delay: Any,
    *,
    window_s: float,
    passes: int,
    highest_Hz: float,
    chopping_Hz: float,
    rate: float = 0.0,
    time_constant_s: float = 0.0,
    sample_rate_Hz: float = 0.0,
) -> FlyPlan:
    """Return how to scan a window on the fly; what is 0 is chosen: the fastest pass that is still mostly window.

    Faster passes are less disturbed by slow noise, and in the end no worse under white noise; the largest time constant
    that the band allows lets the samples be fewest.

    Parameters
    ----------
    lockin, delay : Lockin, Delay
        The instruments.
    window_s : float
        Length of the window [s of delay].
    passes : int
        How often the light goes to and fro.
    highest_Hz : float
        End of the band that is wanted.
    chopping_Hz : float
        Frequency of the chopper.
    rate, time_constant_s, sample_rate_Hz : float
        What is asked for.

    Raises
    ------
    PlanError
        If the low pass, the samples or the chopper would cut the band, or the pass does not fit into the buffer.
    LimitError
        If the stage or the lock-in does not allow it.
    """
    asked = {"passes": passes, "highest_Hz": highest_Hz, "chopping_Hz": chopping_Hz, "window_s": window_s}
    if rate:
        return _planned(lockin, delay, rate, time_constant_s, sample_rate_Hz, **asked)
    why = ""
    for one in RATES:
        try:
            found = _planned(lockin, delay, one, time_constant_s, sample_rate_Hz, **asked)
        except (PlanError, LimitError) as error:
            why = why or str(error)
            continue
        within_s = window_s / one
        if within_s >= SHORTEST_S and within_s >= USEFUL * found.pass_s:
            return found
    raise PlanError(f"fly scan: no speed fits: {why or 'the window is too short for a run-up; scan in steps'}")


def _planned(
    lockin: Any,
    delay: Any,
    rate: float,
    time_constant_s: float,
    sample_rate_Hz: float,
    *,
    window_s: float,
    passes: int,
    highest_Hz: float,
    chopping_Hz: float,
) -> FlyPlan:
    said = (
        f"fly scan: {rate * 1e12:.3g} ps/s make {highest_Hz / 1e12:.3g} THz {highest_Hz * rate:.3g} Hz at the lock-in"
    )
    highest = highest_Hz * rate
    if highest > chopping_Hz / 10:
        raise PlanError(f"{said}; a tenth of the chopping, {chopping_Hz / 10:.3g} Hz, is the most: scan more slowly")
    poles = lockin.poles
    longest_s = math.sqrt(LEAST_TRANSMISSION ** (-2 / poles) - 1) / (2 * math.pi * highest)
    shortest_s = CHOPS / chopping_Hz
    steps = [one for one in lockin.time_constants_s if shortest_s <= one <= longest_s]
    if time_constant_s:
        if time_constant_s not in lockin.time_constants_s:
            nearest = min(lockin.time_constants_s, key=lambda one: abs(math.log(one / time_constant_s)))
            raise PlanError(
                f"fly scan: a time constant of {time_constant_s:g} s is none of the lock-in's; try {nearest:g}"
            )
        left = (1 + (2 * math.pi * highest * time_constant_s) ** 2) ** (-poles / 2)
        if left < LEAST_TRANSMISSION:
            slower = rate * 1e12 * longest_s / time_constant_s
            raise PlanError(
                f"{said}, of which {time_constant_s:g} s with {poles} poles leaves {left:.0%}, {LEAST_TRANSMISSION:.0%}"
                f" is the least; scan at {slower:.3g} ps/s, or with {longest_s:.2g} s"
            )
        if time_constant_s < shortest_s:
            raise PlanError(
                f"fly scan: {time_constant_s:g} s asked, {CHOPS:g} periods of the chopper, {shortest_s:.2g} s, are the"
                " shortest: the chopping itself would come through"
            )
        steps = [time_constant_s]
    if not steps:
        raise PlanError(
            f"{said}; the lock-in has no time constant from {shortest_s:.2g} s (of the chopper) to {longest_s:.2g} s"
            " (of the band): scan more slowly, or chop faster"
        )
    tau_s = max(steps)
    # Noise above half of the rate folds down: the low pass must have dealt with what lands within the band.
    beyond = math.sqrt(FOLDED ** (-1 / poles) - 1) / (2 * math.pi * tau_s)
    least_Hz = SAMPLES_PER_PERIOD * highest
    if sample_rate_Hz and sample_rate_Hz < least_Hz:
        raise PlanError(
            f"{said}; {sample_rate_Hz:g} samples a second are {sample_rate_Hz / highest:.2g} for a period,"
            f" {SAMPLES_PER_PERIOD:g} are the least: ask for {least_Hz:.3g}, or scan more slowly"
        )
    velocity = rate * c / (2 * passes)
    # The low pass must have forgotten the run-up.
    run_up_m = delay.run_up_m(velocity) + velocity * 12.0 * tau_s
    way_m = window_s * c / (2 * passes) + 2 * run_up_m
    pass_s = way_m / velocity + 2 * (delay.run_up_m(velocity) / velocity) + 2 * REST_S
    asked_Hz = sample_rate_Hz or max(least_Hz, highest + beyond)
    used_Hz = lockin.recording_rate_Hz(asked_Hz)
    samples = math.ceil(pass_s * used_Hz) + 1
    if samples > lockin.most_samples:
        raise PlanError(
            f"fly scan: a pass of {pass_s:.3g} s at {used_Hz:g} Hz is {samples} samples, the lock-in's buffer holds"
            f" {lockin.most_samples}; scan faster, or a shorter window"
        )
    left = (1 + (2 * math.pi * highest * tau_s) ** 2) ** (-poles / 2)
    return FlyPlan(rate, velocity, tau_s, poles, left, asked_Hz, run_up_m, pass_s, samples)
