"""What a bench file of the bench ``thz`` may say in its ``lab:`` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import section, shipped_samples

__all__ = ["DEFAULTS", "read_sections", "sample_names"]

#: What the ``lab:`` section of a bench file may say, with what holds where it says nothing; units are in the names.
DEFAULTS: dict[str, dict[str, float]] = {
    "pump": {
        "power_W": 0.6,
        "wavelength_m": 810e-9,
        "repetition_Hz": 80e6,
        "spot_m2": 4e-8,
        "pulse_s": 100e-15,
        "relaxation_s": 150e-15,
        "drift": 5e-3,
        "drift_s": 1800.0,
    },
    "delay": {
        "passes": 1.0,
        "sign": 1.0,
        "zero_m": 0.0,
        "lower_m": -0.010,
        "upper_m": 0.040,
        "servo_s": 3e-3,
        "backlash_m": 2e-6,
        "encoder_m": 0.1e-6,
        "drift_fs": 10.0,
        "drift_s": 600.0,
        "position_V_per_m": 1000.0,
    },
    "detector": {
        "crystal_m": 500e-6,
        "probe_s": 100e-15,
        "probe_V": 1.0,
        "angle_deg": 0.0,
        "phase_deg": 0.0,
        "noise_V_per_rtHz": 100e-9,
        "amplitude_noise_per_rtHz": 1e-4,
        "jitter_fs_per_rtHz": 0.1,
        "imbalance": 2e-3,
        "imbalance_s": 3600.0,
        "probe_noise_per_rtHz": 3e-6,
        "difference_offset_V": 0.0,
    },
    "air": {
        "path_m": 0.5,
        "temperature_K": 295.0,
        "room": 0.45,
        "dry": 0.015,
        "purge_s": 600.0,
        "purged_for_s": 7200.0,
    },
    "magnet": {
        "coil_T_per_A": 0.01,
        "remanence_T": 0.3e-3,
        "time_constant_s": 0.02,
        "slew_A_per_s": 50.0,
        "resistance_ohm": 1.0,
    },
    "gaussmeter": {"zero_T": 20e-6, "noise_T": 2e-6, "update_s": 0.1},
    "power_meter": {"dark_W": 2e-7, "noise_W": 1e-6},
    "chopper": {"spin_s": 1.0, "coast_s": 4.0, "jitter": 1e-4},
}

_POSITIVE = (
    "power_W", "wavelength_m", "repetition_Hz", "spot_m2", "pulse_s", "drift_s", "passes", "servo_s", "encoder_m",
    "crystal_m", "probe_s", "probe_V", "imbalance_s", "temperature_K", "purge_s", "coil_T_per_A", "time_constant_s",
    "slew_A_per_s", "resistance_ohm", "update_s", "spin_s", "coast_s",
)  # fmt: skip
_SIGNED = ("sign", "zero_m", "lower_m", "upper_m", "angle_deg", "phase_deg", "position_V_per_m", "difference_offset_V")


def read_sections(lab: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return the sections of :data:`DEFAULTS` in their order, as the bench file has them.

    Raises
    ------
    StationError
        If a key is unknown, or a value is no number or not allowed.
    """
    known = {"sample", "samples", *DEFAULTS}
    if unknown := sorted(set(lab) - known):
        raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
    sections = {
        name: section(lab, name, defaults, positive=_POSITIVE, signed=_SIGNED) for name, defaults in DEFAULTS.items()
    }
    delay, air = sections["delay"], sections["air"]
    if abs(delay["sign"]) != 1.0:
        raise StationError(f"lab section, delay: sign is {delay['sign']:g}, allowed are +1 and -1")
    if not delay["lower_m"] <= 0.0 <= delay["upper_m"]:
        raise StationError("lab section, delay: lower_m must be 0 or below, and upper_m 0 or above")
    for key in ("room", "dry"):
        if air[key] > 1.0:
            raise StationError(f"lab section, air: {key} is {air[key]:g}, a relative humidity of 0 to 1 is wanted")
    return list(sections.values())


def sample_names(lab: Mapping[str, Any]) -> list[str]:
    """Return the samples in the changer, that in the beam first.

    Raises
    ------
    StationError
        If there is none, or they are no list.
    """
    if "sample" not in lab:
        raise StationError(f"lab section: no sample; name one of {', '.join(shipped_samples())} or a file")
    more = lab.get("samples") or []
    if not isinstance(more, list):
        raise StationError(f"lab section: samples is '{more}', a list of sample files is wanted")
    return [str(lab["sample"]), *map(str, more)]
