"""Mistakes of wiring and settings that harmonic Hall readings show by themselves, each named."""

from __future__ import annotations

import math

import numpy as np

from sotlab.analysis.harmonic_hall import SIGNIFICANT
from sotlab.analysis.joint import fit_joint, number, spread
from sotlab.analysis.lockin_readings import overloaded, phase_of_signal, split_parity
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["along_signal", "arms", "conventions", "distortion", "harmonics", "known_distortion", "without_overload"]

#: Phases that differ by less do not matter: the cosine of 2 deg is 0.9994.
SMALL_RAD = math.radians(2.0)
#: Even parts of R_1w, and distortions, that are smaller than these parts of it do not matter.
SMALL_EVEN, SMALL_DISTORTION = 0.002, 1e-5
#: Two half swings whose ratio is so near to sqrt(2) were made with rms and peak values mixed.
NEAR_ROOT_TWO = 0.05
#: A second harmonic is far below the first.
LARGEST_SHARE = 0.5


def without_overload(which: str, *channels: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
    """Return the channels of one lock-in with NaN where it was overloaded, and a flag that says so."""
    clipped = overloaded(*channels)
    if not clipped.any():
        return list(channels), []
    cleaned = [np.where(clipped, np.nan, channel) for channel in channels]
    return cleaned, [
        f"overload: {np.count_nonzero(clipped)} of {len(clipped)} readings of the {which} lock-in stand at the end of"
        " its range and were left out; choose a larger sensitivity"
    ]


def along_signal(x: np.ndarray, y: np.ndarray, *, harmonic: int) -> tuple[np.ndarray, list[str]]:
    """Return the harmonic along the phase that its signal has, and a flag where that is not the one it should have.

    The first harmonic varies in X; the second, the coefficient of cos 2wt, in Y. What does not vary with the angle, as
    a capacitive pick-up, has no say. A signal in the other channel altogether is taken with that channel's sign.

    Parameters
    ----------
    x, y : (N,) float
        Both channels.
    harmonic : {1, 2}
        Which.
    """
    expected, channel, other = (0.0, x, "Y") if harmonic == 1 else (math.pi / 2, y, "X")
    phase = phase_of_signal(x, y)
    if phase.value is None:
        return channel, []
    off = (number(phase) - expected + math.pi / 2) % math.pi - math.pi / 2
    if abs(off) < max(SMALL_RAD, SIGNIFICANT * spread(phase)):
        return channel, []
    said = f"{math.degrees(off):.2g} +- {math.degrees(spread(phase)):.1g} deg"
    if abs(off) > math.pi / 4:
        whole = y if harmonic == 1 else x
        return whole, [
            f"phase: the {'first' if harmonic == 1 else 'second'} harmonic varies in {other}: its phase is {said} from"
            f" where it should be; {other} was taken, with its sign: set the phase of {harmonic}w, or exchange the"
            " columns"
        ]
    true = expected + off
    return x * math.cos(true) + y * math.sin(true), [
        f"phase: the {'first' if harmonic == 1 else 'second'} harmonic is {said} away from"
        f" {'X' if harmonic == 1 else 'Y'}; it was taken along its own phase: set the phase of {harmonic}w"
    ]


def harmonics(r_1w: np.ndarray, r_2w: np.ndarray) -> list[str]:
    """Return a flag if the lock-ins are exchanged, or the second one is on the first harmonic."""
    good = np.isfinite(r_1w) & np.isfinite(r_2w)
    if np.count_nonzero(good) < 4:
        return []
    first, second = float(np.std(r_1w[good])), float(np.std(r_2w[good]))
    if second <= LARGEST_SHARE * first or second == 0:
        return []
    alike = first > 0 and abs(float(np.corrcoef(r_1w[good], r_2w[good])[0, 1])) > 0.9
    if alike and second < first / LARGEST_SHARE:
        return ["wrong harmonic: R_2w follows R_1w in form and size: the second lock-in is on the first harmonic"]
    return [
        f"exchanged: R_2w varies by {second:.2g} ohm and R_1w by {first:.2g} ohm; a second harmonic is far below the"
        " first: the lock-ins (or columns) are exchanged, or a harmonic is wrong"
    ]


def arms(field_T: np.ndarray, angle_rad: np.ndarray, r_1w: np.ndarray, half_swing: Value) -> list[str]:
    """Return a flag if the part of R_1w that is even in the field varies: R_xx, by misaligned Hall arms.

    Anisotropic magnetoresistance varies with the angle as cos 2 theta of a magnetisation near the field, an ordinary
    one with the field.
    """
    try:
        pairs = split_parity(field_T, angle_rad, r_1w)
    except FitError:
        return []
    field, angle, even = np.abs(field_T[pairs.index]), angle_rad[pairs.index], pairs.even
    if len(even) < 8 or not half_swing.value:
        return []
    forms = {"angle": [np.cos(2 * angle), np.sin(2 * angle)]}
    if np.ptp(field) > 0.1 * field.max():
        forms["field"] = [(field - field.mean()) / np.ptp(field)]
    design = np.stack([np.ones_like(field), *(column for columns in forms.values() for column in columns)])
    weights = np.linalg.lstsq(design.T, even, rcond=None)[0]
    # What is left beside these forms is no noise: that is seen between neighbours, over which a magnetoresistance
    # varies hardly.
    noise = float(np.std(np.diff(even, 2))) / math.sqrt(6.0)
    sizes = {"angle": float(np.hypot(*weights[1:3])), "field": float(np.abs(weights[3:]).sum())}
    least = max(SMALL_EVEN * abs(number(half_swing)), SIGNIFICANT * noise * math.sqrt(2 / len(even)))
    for name, size in sizes.items():
        if size > least:
            return [
                f"misaligned arms: R_1w has a part even in the field that varies with the {name} by {size:.2g} ohm, as"
                " R_xx does; it was taken out by the pairs at opposite fields"
            ]
    return []


def conventions(name: str, found: Value, given: Value | None) -> list[str]:
    """Return a flag if a half swing is sqrt(2) away from what is known of it."""
    if given is None or not given.value or not found.value:
        return []
    ratio = abs(number(found) / number(given))
    relative = np.hypot(spread(found) / number(found), spread(given) / number(given))
    for factor, said in ((math.sqrt(2), "larger"), (1 / math.sqrt(2), "smaller")):
        if abs(ratio / factor - 1) < NEAR_ROOT_TWO and abs(math.log(ratio)) > SIGNIFICANT * relative:
            return [
                f"rms or peak: {name} is {number(found):.4g} ohm here, sqrt(2) times {said} than the given"
                f" {number(given):.4g} ohm: current_convention is the wrong one"
            ]
    return []


def known_distortion(x: Value | None, y: Value | None) -> list[str]:
    """Return a flag if a known resistor has shown a second harmonic, which is taken off."""
    for channel, share in (("X", x), ("Y", y)):
        if share is not None and share.value is not None:
            if abs(share.value) > max(SIGNIFICANT * spread(share), SMALL_DISTORTION):
                return [
                    f"source distortion: a known resistor shows ({share.value:.2g} +- {spread(share):.1g}) V_1w in"
                    f" {channel} of 2w; that share was taken off"
                ]
    return []


def distortion(r_1w: np.ndarray, r_2w: np.ndarray) -> tuple[Value, list[str]]:
    """Return R_2w over R_1w of a known resistor, which makes no second harmonic, and a flag if that is not zero."""
    good = np.isfinite(r_1w) & np.isfinite(r_2w)
    if np.count_nonzero(good) < 4:
        raise FitError(f"known resistor: {np.count_nonzero(good)} readings; four are needed")
    base = float(np.mean(r_1w[good]))
    if base == 0:
        raise FitError("known resistor: R_1w is zero; is it connected?")
    fit = fit_joint({"share": np.full(len(r_2w), base)}, np.where(good, r_2w, np.nan), who="known resistor")
    share = fit.value("share", "")
    if abs(number(share)) > max(SIGNIFICANT * spread(share), SMALL_DISTORTION):
        return share, [
            f"source distortion: a known resistor shows R_2w = ({number(share):.2g} +- {spread(share):.1g}) R_1w; that"
            " share of R_1w was taken off R_2w"
        ]
    return share, []
