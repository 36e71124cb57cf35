"""Whether the current by its heat and that by the network analyser agree: each way's errors are the other's test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.artefacts import closure
from sotlab.analysis.joint import number, spread
from sotlab.analysis.rf_current import CurrentCalibration, current_ratio
from sotlab.analysis.values import Value
from sotlab.errors import FitError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.procedures.calibrations.base import CalibrationScan

__all__ = ["closure_notes", "current_check"]

#: The two ways; what one finds is compared with the station's calibration by the other.
WAYS = {"rf_current": "rf_current_vna", "rf_current_vna": "rf_current"}


def current_check(bench: Station, sample: str) -> Value | None:
    """Return the current by network analyser over that by heat, of a sample that the station has both of.

    The sigma has those of both; None without both, or without a frequency in common.
    """
    known = {one.kind: one for one in bench.calibrations.get("microwave", []) if one.sample == sample}
    if not WAYS.keys() <= known.keys():
        return None
    try:
        return current_ratio(_table(known["rf_current_vna"]), _table(known["rf_current"]))
    except FitError:
        return None


def closure_notes(scan: CalibrationScan, points: Mapping[str, Any], scale_sigma: float) -> list[str]:
    """Return what there is to say of a new calibration beside the station's by the other way, of the same sample."""
    bench = scan.bench
    known = [] if bench is None else bench.calibrations.get(scan.calibrated_role, [])
    other = next((one for one in known if one.kind == WAYS[scan.KIND]), None)
    if other is None or other.sample != scan.the_sample().identity:
        return []
    try:
        ratio = current_ratio(_calibration(points, scale_sigma), _table(other))
        check = closure(ratio, ("this calibration", other.where))
    except FitError as error:
        return [f"{other.where} cannot be compared: {error}"]
    if check.flags:
        return [f"DISAGREES: {check.flags[0]}"]
    return [f"agrees with {other.where}: {_dB(ratio):+.2f} +- {_dB_sigma(ratio):.2f} dB"]


def _table(calibration: Calibration) -> CurrentCalibration:
    return _calibration(calibration.points, calibration.value("scale", "")[1])


def _calibration(points: Mapping[str, Sequence[float]], scale_sigma: float) -> CurrentCalibration:
    frequency_Hz, factor_A, own_A = (
        np.asarray(points[name], float) for name in ("Frequency (Hz)", "Factor (A)", "Factor Sigma (A)")
    )
    return CurrentCalibration(frequency_Hz, factor_A, own_A / factor_A, scale_sigma)


def _dB(ratio: Value) -> float:
    return float(20.0 * np.log10(number(ratio)))


def _dB_sigma(ratio: Value) -> float:
    return float(20.0 / np.log(10.0) * spread(ratio) / number(ratio))
