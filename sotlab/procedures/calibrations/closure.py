"""Whether the current by its heat and that by the network analyser agree: each way's errors are the other's test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.rf_current import Closure, compare_currents
from sotlab.procedures.calibrations.base import CalibrationScan

__all__ = ["closure_between", "closure_notes"]

#: The two ways; what one finds is compared with the station's calibration by the other.
WAYS = {"rf_current": "rf_current_vna", "rf_current_vna": "rf_current"}


def closure_between(first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]) -> Closure | None:
    """Return how the points of two calibrations of the current differ; None if they have no frequency in common."""
    columns = ("Frequency (Hz)", "Factor (A)", "Factor Sigma (A)")
    one, other = (np.array([table[name] for name in columns], float) for table in (first, second))
    pairs = [(i, int(j)) for i, f in enumerate(one[0]) for j in np.flatnonzero(np.abs(other[0] / f - 1.0) < 1e-6)]
    if not pairs:
        return None
    here, there = (list(index) for index in zip(*pairs, strict=True))
    return compare_currents(one[1, here], one[2, here], other[1, there], other[2, there])


def closure_notes(scan: CalibrationScan, points: Mapping[str, Any]) -> list[str]:
    """Return what there is to say of a new calibration beside the station's by the other way, of the same sample."""
    bench = scan.bench
    known = [] if bench is None else bench.calibrations.get(scan.calibrated_role, [])
    other = next((one for one in known if one.kind == WAYS[scan.KIND]), None)
    if other is None or other.sample != scan.the_sample().identity:
        return []
    closure = closure_between(points, other.points)
    if closure is None:
        return [f"{other.where} is at other frequencies: it cannot be compared"]
    said = f"{closure.difference_dB:+.2f} +- {closure.sigma_dB:.2f} dB"
    if not closure.alarms:
        return [f"agrees with {other.where}: {said}"]
    return [
        f"DISAGREES with {other.where} by {said}, {abs(closure.pull):.1f} sigma: a level, cable, connector or contact"
        " is not what it was, or a sigma is too small; torques go with the square of the current"
    ]
