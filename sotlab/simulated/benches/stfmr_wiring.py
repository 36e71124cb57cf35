"""What the ``lab:`` section of an ST-FMR bench may say, and what its microwave switch connects."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEFAULTS", "MAY_BE_NEGATIVE", "MUST_BE_POSITIVE", "routes"]

#: The sections, with what holds where a bench file says nothing.
DEFAULTS: dict[str, dict[str, float]] = {
    "magnet": {
        "coil_T_per_A": 0.02,
        "remanence_T": 2e-3,
        "time_constant_s": 0.15,
        "slew_A_per_s": 10.0,
        "resistance_ohm": 2.0,
        "heating_per_A2": 0.0,  # relative rise of the coil's resistance per square ampere, in the steady state
        "heating_s": 600.0,  # its time constant
        "probe_ratio": 1.0,  # field at the gaussmeter's probe over field at the sample
        "probe_bend_per_T2": 0.0,  # relative change of that ratio with the square of the field
        "probe_angle_deg": 0.0,  # of the probe's normal from the field
        "probe_offset_T": 0.0,  # field of anything else at the probe
        "tilt_deg": 0.0,  # of a positive field out of the film's plane
    },
    "azimuth": {
        "zero_deg": 0.0,  # of the field from the current where the rotator stands at 0
        "backlash_deg": 0.0,
        "wobble_deg": 0.0,  # by how much the field leaves the film's plane on a turn: the axis is not its normal
        "wobble_at_deg": 0.0,  # where it leaves it most, upwards
        "projection": 0.0,  # relative change of the field with the rotator, of the form cos 2 (angle)
    },
    "rf": {
        "fixed_loss_dB": 6.0,
        "skin_loss_dB": 3.0,
        "arm_fixed_loss_dB": 1.0,  # the part of it beyond plane A, at most all of it
        "arm_skin_loss_dB": 0.5,
        "arm_delay_s": 0.4e-9,
        "flatness_dB": 0.5,
        "level_drift_dB_per_h": 0.0,
        "repeatability_H": 2e-12,
    },
    "vna": {
        "skin_loss_dB": 0.6,
        "delay_s": 4e-9,
        "directivity_dB": 22.0,
        "match_dB": 18.0,
        "tracking_dB": 0.5,
        "floor_dBm_per_Hz": -130.0,
        "trace_noise_dB": 0.003,
        "drift_dB_per_h": 0.01,
        "drift_s_per_h": 20e-15,
    },
    "gaussmeter": {"zero_T": 20e-6, "noise_T": 2e-6, "update_s": 0.1},
    "wiring": {
        "pickup_V_per_rtHz": 20e-9,
        "thermal_emf_V": 200e-9,
        "drift_V_per_s": 0.0,
        "temperature_K": 295.0,
    },
}

MUST_BE_POSITIVE = ("coil_T_per_A", "time_constant_s", "slew_A_per_s", "resistance_ohm", "update_s", "heating_s")
MAY_BE_NEGATIVE = (
    "probe_offset_T", "probe_ratio", "probe_bend_per_T2", "probe_angle_deg", "tilt_deg", "zero_deg", "wobble_at_deg",
    "projection", "floor_dBm_per_Hz",
)  # fmt: skip

#: Row 1 of the switch leads the source, row 2 the strip; at rest, with nothing closed, the source is on the strip.
_SOURCE_TO = {None: "strip", 101: "strip", 102: "sensor"}
_STRIP_TO = {None: "source", 201: "source", 202: "vna"}


def routes(closed: Iterable[int]) -> tuple[str, str]:
    """Return where the source and where the strip lead, with these channels closed; "" is into a load."""
    row = {channel // 100: channel for channel in closed}
    return _SOURCE_TO.get(row.get(1), ""), _STRIP_TO.get(row.get(2), "")
