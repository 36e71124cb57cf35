"""The bench ``stfmr``: magnet, microwave, strip and leads, wired together as a bench file says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Bench, Streams, number, read_sample, section, shipped_samples
from sotlab.simulated.physics.detect import HallProbe, VoltageInput
from sotlab.simulated.physics.magnet import Magnet, PlayHysteresis
from sotlab.simulated.physics.rf import Microwave, RFPath
from sotlab.simulated.physics.sample import Sample

__all__ = ["DEFAULTS", "STFMR", "load_sample"]

#: What the ``lab:`` section of a bench file may say, with what holds where it says nothing.
DEFAULTS: dict[str, dict[str, float]] = {
    "magnet": {
        "coil_T_per_A": 0.02,
        "remanence_T": 2e-3,
        "time_constant_s": 0.15,
        "slew_A_per_s": 10.0,
        "resistance_ohm": 2.0,
        "probe_ratio": 1.0,  # field at the gaussmeter's probe over field at the sample
        "probe_offset_T": 0.0,  # field of anything else at the probe
    },
    "rf": {"fixed_loss_dB": 6.0, "skin_loss_dB": 3.0, "flatness_dB": 0.0},
    "gaussmeter": {"zero_T": 20e-6, "noise_T": 2e-6, "update_s": 0.1},
    "wiring": {
        "pickup_V_per_rtHz": 20e-9,
        "thermal_emf_V": 200e-9,
        "drift_V_per_s": 0.0,
        "temperature_K": 295.0,
    },
}

#: Thresholds of the yoke's play operators [A]: loops of 1 mT and of 100 mT both show hysteresis.
PLAY_THRESHOLDS_A = (0.03, 0.1, 0.3, 1.0)

_MUST_BE_POSITIVE = ("coil_T_per_A", "time_constant_s", "slew_A_per_s", "resistance_ohm", "update_s")
_MAY_BE_NEGATIVE = ("probe_offset_T", "probe_ratio")

#: While the field moves, a reading is averaged over sub-windows in which it moves by less than this [T] ...
_SUBWINDOW_T = 0.25e-3
#: ... but over no more than so many; below the second limit the field stands still for any voltmeter [T].
_MOST_SUBWINDOWS = 64
_STANDS_STILL_T = 1e-8

_GAUSS_NODES, _GAUSS_WEIGHTS = (a.tolist() for a in np.polynomial.legendre.leggauss(4))


class STFMR(Bench):
    """One sample in one magnet, with a microwave on it and two meters around it.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section of a bench file: ``sample`` (a shipped sample's file name, or a path), ``angle_deg``, and
        the sections of :data:`DEFAULTS`.
    streams : callable
        Gives the random stream of a name; the same name always gives the same numbers, whatever else is drawn.
    noise : bool
        False leaves out all that is random: noise, the gaussmeter's zero, thermal EMF and the source's level error.

    Raises
    ------
    StationError
        If the section has an unknown key, a value that is no number or not allowed, or an unknown sample.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        known = {"sample", "angle_deg", *DEFAULTS}
        if unknown := sorted(set(lab) - known):
            raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
        if "sample" not in lab:
            raise StationError(f"lab section: no sample; name one of {', '.join(shipped_samples())} or a file")
        magnet, rf, gaussmeter, wiring = (
            section(lab, name, defaults, positive=_MUST_BE_POSITIVE, signed=_MAY_BE_NEGATIVE)
            for name, defaults in DEFAULTS.items()
        )

        self.sample = load_sample(str(lab["sample"]))
        self.angle_deg = number("lab section", "angle_deg", lab.get("angle_deg", 45.0))
        yoke = PlayHysteresis(magnet["coil_T_per_A"], magnet["remanence_T"], PLAY_THRESHOLDS_A)
        self.magnet = Magnet(yoke, magnet["time_constant_s"], magnet["slew_A_per_s"], magnet["resistance_ohm"])
        self._probe_ratio, self._probe_offset_T = magnet["probe_ratio"], magnet["probe_offset_T"]
        path = RFPath(
            rf["fixed_loss_dB"],
            rf["skin_loss_dB"],
            rf["flatness_dB"] if noise else 0.0,
            streams("microwave.flatness"),
        )
        self.rf = Microwave(path, self.sample.resistance_ohm)
        self._probe = HallProbe(
            gaussmeter["zero_T"],
            gaussmeter["noise_T"],
            gaussmeter["update_s"],
            streams("gaussmeter.zero"),
            streams("gaussmeter.noise"),
            noise,
        )
        self._input = VoltageInput(
            resistance_ohm=self.sample.resistance_ohm,
            temperature_K=wiring["temperature_K"],
            pickup_V_per_rtHz=wiring["pickup_V_per_rtHz"],
            thermal_emf_V=wiring["thermal_emf_V"],
            drift_V_per_s=wiring["drift_V_per_s"],
            offsets=streams("voltmeter.offset"),
            readings=streams("voltmeter.noise"),
            noise=noise,
        )

    def field_T(self, t_s: float) -> float:
        """Return the field at the sample [T]."""
        return self.magnet.field_T(t_s)

    def probe_field_T(self, t_s: float) -> float:
        """Return the field at the gaussmeter's probe [T]."""
        return self._probe_ratio * self.magnet.field_T(t_s) + self._probe_offset_T

    def gaussmeter_T(self, t_s: float) -> float:
        """Return the gaussmeter's reading at ``t_s``: its probe's field, zero offset and noise [T]."""
        return self.probe_field_T(self._probe.reading_time_s(t_s)) + self._probe.error_T(t_s)

    def zero_gaussmeter(self, t_s: float) -> None:
        """Make what the gaussmeter reads now its zero."""
        self._probe.zero(self.gaussmeter_T(t_s))

    def voltage_V(self, name: str, t_s: float) -> float:
        """Return the dc voltage that the sample rectifies at ``t_s`` [V]."""
        current_A_peak = self.rf.current_A_peak
        if current_A_peak == 0.0:
            return 0.0
        state = self.rf.state
        voltage_V = self.sample.rectified_V(self.field_T(t_s), state.frequency_Hz, current_A_peak, self.angle_deg)
        return state.mean_square * voltage_V

    def mean_voltage_V(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean of :meth:`voltage_V` over a window, while the field moves as it was last told to [V].

        Gauss-Legendre quadrature in sub-windows small enough that the field moves by a fraction of a line width.
        """
        travel_T = self.magnet.travel_T(start_s)
        if travel_T < _STANDS_STILL_T:
            return self.voltage_V(name, stop_s)
        count = min(math.ceil(travel_T / _SUBWINDOW_T), _MOST_SUBWINDOWS)
        half_s = (stop_s - start_s) / (2 * count)
        total_V = 0.0
        for i in range(count):
            middle_s = start_s + (2 * i + 1) * half_s
            for node, weight in zip(_GAUSS_NODES, _GAUSS_WEIGHTS, strict=True):
                total_V += weight * self.voltage_V(name, middle_s + node * half_s)
        return total_V / (2 * count)

    def voltmeter_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what a voltmeter reads that integrates over a window and has this noise of its own [V]."""
        return self.mean_voltage_V(name, start_s, stop_s) + self._input.added_V(start_s, stop_s, meter_V_per_rtHz)

    def shorted_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what the same voltmeter reads on an input that is shorted [V]."""
        return self._input.meter_V(start_s, stop_s, meter_V_per_rtHz)

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what magnet and microwave do now."""
        state = self.rf.state
        return {
            "magnet": {"current_set_A": self.magnet.reference_A(t_s), "current_A": self.magnet.current_A(t_s)},
            "microwave": {"on": state.on, "frequency_Hz": state.frequency_Hz, "power_dBm": state.power_dBm},
        }

    def truth(
        self,
        frequency_Hz: float | None = None,
        power_dBm: float | None = None,
        angle_deg: float | None = None,
        **settings: Any,
    ) -> dict[str, dict[str, Any]]:
        """Return what a measurement on this bench should find; no instrument can ask for it.

        Without frequency and power: the sample's own values. With both, also the line of that spectrum at a positive
        field: ``v_sym``, ``v_asym``, ``field_res``, ``width`` (HWHM), the peak ``current``, and its peak effective
        fields ``b_dl`` and ``b_fl``; the latter contains the Oersted field ``b_oe``, ``xi_fl_E`` does not.
        """
        sample = self.sample
        found: dict[str, tuple[float, str]] = {
            "mu0_meff": (sample.mu0_meff_T, "T"),
            "alpha": (sample.alpha, ""),
            "width_0": (sample.width_0_T, "T"),
            "g": (sample.g, ""),
            "amr": (sample.amr_ohm, "ohm"),
            "resistance": (sample.resistance_ohm, "ohm"),
            "xi_dl_E": (sample.xi_dl_E, "1/(ohm*m)"),
            "xi_fl_E": (sample.xi_fl_E, "1/(ohm*m)"),
        }
        if frequency_Hz is not None and power_dBm is not None:
            current_A = self.rf.current_for(frequency_Hz, power_dBm)
            line = sample.line(frequency_Hz, current_A, self.angle_deg if angle_deg is None else angle_deg)
            torques = sample.torques(current_A)
            found |= {
                "v_sym": (line.v_sym_V, "V"),
                "v_asym": (line.v_asym_V, "V"),
                "field_res": (line.field_res_T, "T"),
                "width": (line.width_T, "T"),
                "current": (current_A, "A"),
                "b_dl": (torques.damping_like_T, "T"),
                "b_fl": (torques.field_like_T + torques.oersted_T, "T"),
                "b_oe": (torques.oersted_T, "T"),
            }
        return {name: {"value": value, "unit": unit} for name, (value, unit) in found.items()}


def load_sample(name: str) -> Sample:
    """Return a shipped sample by its file name, or the sample of any other file.

    Raises
    ------
    StationError
        If there is no such file, or it does not describe a sample.
    """
    return Sample.from_mapping(read_sample(name), name)
