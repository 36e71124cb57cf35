"""The bench ``stfmr``: magnet, rotator, microwave, strip and leads, wired together as a bench file says.

The dc pads of the strip, behind the bias tee, are shared by nanovoltmeter, lock-in and source meter. The microwave
switch connects (see :func:`~sotlab.simulated.benches.stfmr_wiring.routes`): 101 source to strip, 102 source to power
sensor, 103-106 source to a load; 201 strip to source, 202 strip to network analyser, 203-206 strip to a load. At rest,
with nothing closed, the source is on the strip. The rotator is axis 3 of the stage controller and stands at first at
``angle_deg``: its position is the direction of a positive field, seen from the current.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Streams, number, read_sample, section, shipped_samples
from sotlab.simulated.benches.stfmr_faults import STFMRFaults
from sotlab.simulated.benches.stfmr_wiring import DEFAULTS, MAY_BE_NEGATIVE, MUST_BE_POSITIVE, routes
from sotlab.simulated.physics.biased import BiasedStrip
from sotlab.simulated.physics.detect import HallProbe, VoltageInput
from sotlab.simulated.physics.magnet import Magnet, PlayHysteresis
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.network import Network, NetworkSpec
from sotlab.simulated.physics.rf import Microwave, RFPath
from sotlab.simulated.physics.sample import SATURATION_T, Rectifier, Sample
from sotlab.simulated.physics.transport import Waveform

__all__ = ["DEFAULTS", "STFMR", "load_sample"]

#: Thresholds of the yoke's play operators [A]: loops of 1 mT and of 100 mT both show hysteresis.
PLAY_THRESHOLDS_A = (0.03, 0.1, 0.3, 1.0)

#: While field or rotator move, a reading is averaged over sub-windows in which they move by less than this ...
_SUBWINDOW_T, _SUBWINDOW_DEG = 0.25e-3, 2.0
#: ... but over no more than so many; below these limits they stand still for any voltmeter.
_MOST_SUBWINDOWS = 64
_STANDS_STILL_T, _STANDS_STILL_DEG = 1e-8, 1e-5

_GAUSS_NODES, _GAUSS_WEIGHTS = (a.tolist() for a in np.polynomial.legendre.leggauss(4))

#: White noise that an open input picks up [V/rtHz].
_OPEN_V_PER_RTHZ = 2e-6


class STFMR(STFMRFaults):
    """One sample in one magnet, with a microwave on it and meters around it.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section of a bench file: ``sample`` (a shipped sample's file name, or a path), ``angle_deg``,
        ``connected`` (to what the strip leads before the switch is touched: ``source`` or ``vna``), ``far_side`` of the
        strip (``ground``, or ``port 2``: the analyser's, and 50 ohm for the source), ``standard`` and
        ``plane`` (what the network analyser's cable ends in, see :meth:`Network.connect`), and the sections of
        :data:`DEFAULTS`.
    streams : callable
        Gives the random stream of a name; the same name always gives the same numbers, whatever else is drawn.
    noise : bool
        False leaves out all that is random: noise, the gaussmeter's zero, thermal EMF, the source's level error,
        connectors and drift.

    Raises
    ------
    StationError
        If the section has an unknown key, a value that is no number or not allowed, or an unknown sample.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        known = {"sample", "angle_deg", "connected", "standard", "plane", "far_side", *DEFAULTS}
        if unknown := sorted(set(lab) - known):
            raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
        if "sample" not in lab:
            raise StationError(f"lab section: no sample; name one of {', '.join(shipped_samples())} or a file")
        if lab.get("connected", "source") not in ("source", "vna"):
            raise StationError(f"lab section: connected is '{lab['connected']}', allowed are source and vna")
        if lab.get("far_side", "ground") not in ("ground", "port 2"):
            raise StationError(f"lab section: far_side is '{lab['far_side']}', allowed are ground and port 2")
        magnet, azimuth, rf, vna, gaussmeter, wiring = (
            section(lab, name, defaults, positive=MUST_BE_POSITIVE, signed=MAY_BE_NEGATIVE)
            for name, defaults in DEFAULTS.items()
        )

        self.sample = sample = load_sample(str(lab["sample"]))
        self.angle_deg = number("lab section", "angle_deg", lab.get("angle_deg", 45.0))
        yoke = PlayHysteresis(magnet["coil_T_per_A"], magnet["remanence_T"], PLAY_THRESHOLDS_A)
        self.magnet = Magnet(
            yoke,
            magnet["time_constant_s"],
            magnet["slew_A_per_s"],
            magnet["resistance_ohm"],
            magnet["heating_per_A2"],
            magnet["heating_s"],
        )
        self._magnet_values, self._azimuth_values = magnet, azimuth
        rotator = Axis(
            -190.0, 370.0, backlash=azimuth["backlash_deg"], window=1e-4, resolution=1e-4, noise=1e-4 * noise,
            readings=streams("azimuth.noise") if noise else None, start=self.angle_deg,
        )  # fmt: skip
        #: Axes of the stage controller; the first two lead nowhere.
        self.stage = {1: Axis(-0.125, 0.125), 2: Axis(-180.0, 180.0), 3: rotator}

        arm = {name: min(rf[f"arm_{name}"], rf[name]) for name in ("fixed_loss_dB", "skin_loss_dB")}
        spec = NetworkSpec(
            resistance_ohm=sample.resistance_ohm,
            contact_ohm=2.0 * sample.contact_ohm,
            inductance_H=sample.inductance_H,
            pad_F=sample.pad_F,
            strip_ends_line=lab.get("far_side", "ground") == "ground",
            arm_fixed_loss_dB=arm["fixed_loss_dB"],
            arm_skin_loss_dB=arm["skin_loss_dB"],
            arm_delay_s=rf["arm_delay_s"],
            repeatability_H=rf["repeatability_H"],
            skin_loss_dB=vna["skin_loss_dB"],
            delay_s=vna["delay_s"],
            directivity_dB=vna["directivity_dB"],
            match_dB=vna["match_dB"],
            tracking_dB=vna["tracking_dB"],
            floor_dBm_per_Hz=vna["floor_dBm_per_Hz"],
            trace_noise_dB=vna["trace_noise_dB"],
            drift_dB_per_h=vna["drift_dB_per_h"],
            drift_s_per_h=vna["drift_s_per_h"],
        )
        #: What the network analyser's cables lead to.
        self.network = Network(spec, streams("vna.noise") if noise else None)
        path = RFPath(
            rf["fixed_loss_dB"],
            rf["skin_loss_dB"],
            rf["flatness_dB"] if noise else 0.0,
            rf["level_drift_dB_per_h"] if noise else 0.0,
            streams("microwave.flatness"),
            self.network,
        )
        self.rf = Microwave(path, self._rf_changed)
        self.strip = BiasedStrip(sample.strip())
        self._biased_by = ""
        self._bias_A = 0.0
        self._connected = str(lab.get("connected", "source"))
        self._changed_s, self._modulated_s = -math.inf, math.inf
        self._rectifier = Rectifier(sample, 1e9, 0.0)
        if "standard" in lab:
            self.network.connect(str(lab["standard"]), str(lab.get("plane", "tip")))
        self.switched("", [])

        self._probe = HallProbe(
            gaussmeter["zero_T"],
            gaussmeter["noise_T"],
            gaussmeter["update_s"],
            streams("gaussmeter.zero"),
            streams("gaussmeter.noise"),
            noise,
        )
        self._pickup_V_per_rtHz = wiring["pickup_V_per_rtHz"]
        self._input = VoltageInput(
            resistance_ohm=sample.resistance_ohm,
            temperature_K=wiring["temperature_K"],
            pickup_V_per_rtHz=wiring["pickup_V_per_rtHz"],
            thermal_emf_V=wiring["thermal_emf_V"],
            drift_V_per_s=wiring["drift_V_per_s"],
            offsets=streams("voltmeter.offset"),
            readings=streams("voltmeter.noise"),
            noise=noise,
        )
        self.faults = self.physical_faults()

    # field, direction and gaussmeter

    def _outer_T(self, t_s: float) -> float:
        """Return the magnet's field with what has crept in [T]."""
        crept_T, since_s, rate_T_per_s = self._drift
        if rate_T_per_s or crept_T:
            crept_T += rate_T_per_s * max(t_s - since_s, 0.0)
        return self.magnet.field_T(t_s) + crept_T

    def field_T(self, t_s: float) -> float:
        """Return the field at the sample [T]."""
        field_T = self._outer_T(t_s)
        if projection := self._azimuth_values["projection"]:
            field_T *= 1.0 + projection * math.cos(2.0 * math.radians(self.stage[3].carriage(t_s)))
        return field_T

    def azimuth_deg(self, t_s: float) -> float:
        """Return the direction of a positive field in the film's plane, from the current [deg]."""
        return self.stage[3].carriage(t_s) + self._azimuth_values["zero_deg"]

    def probe_field_T(self, t_s: float) -> float:
        """Return the field at the gaussmeter's probe, along its normal [T]."""
        values, field_T = self._magnet_values, self._outer_T(t_s)
        ratio = values["probe_ratio"] * math.cos(math.radians(values["probe_angle_deg"]))
        return ratio * (1.0 + values["probe_bend_per_T2"] * field_T**2) * field_T + values["probe_offset_T"]

    def gaussmeter_T(self, t_s: float) -> float:
        """Return the gaussmeter's reading at ``t_s``: its probe's field, zero offset and noise [T]."""
        return self.probe_field_T(self._probe.reading_time_s(t_s)) + self._probe.error_T(t_s)

    def zero_gaussmeter(self, t_s: float) -> None:
        """Make what the gaussmeter reads now its zero."""
        self._probe.zero(self.gaussmeter_T(t_s))

    # voltages at the dc pads

    def _rectified_V(self, t_s: float) -> float:
        """Return the rectified voltage at the carrier's level, without modulation [V]."""
        rectifier = self._rectifier
        if self.rf.current_A_peak == 0.0:
            return 0.0
        voltage_V = rectifier.voltage_V(self.field_T(t_s), self.azimuth_deg(t_s))
        return voltage_V * self.rf.path.drift_factor(t_s)

    def voltage_V(self, name: str, t_s: float) -> float:
        """Return the dc voltage at the pads at ``t_s``: what is rectified, and the drop of a direct current [V]."""
        voltage_V = self.rf.state.mean_square * self._rectified_V(t_s)
        return voltage_V + self._dropped_V(t_s, t_s + 1e-6) if self._biased_by else voltage_V

    def mean_voltage_V(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean of :meth:`voltage_V` over a window, while field and rotator move as last told to [V].

        Gauss-Legendre quadrature in sub-windows small enough that the field moves by a fraction of a line width.
        """
        travel_T, rotator = self.magnet.travel_T(start_s), self.stage[3]
        turned_deg = 0.0
        if start_s < rotator.settled_s():
            turned_deg = abs(rotator.carriage(stop_s) - rotator.carriage(start_s))
        dropped_V = self._dropped_V(start_s, stop_s) if self._biased_by else 0.0
        if travel_T < _STANDS_STILL_T and turned_deg < _STANDS_STILL_DEG:
            return self.rf.state.mean_square * self._rectified_V(stop_s) + dropped_V
        wanted = max(travel_T / _SUBWINDOW_T, turned_deg / _SUBWINDOW_DEG, 1.0)
        count = min(math.ceil(wanted), _MOST_SUBWINDOWS)
        half_s = (stop_s - start_s) / (2 * count)
        total_V = 0.0
        for i in range(count):
            middle_s = start_s + (2 * i + 1) * half_s
            for node, weight in zip(_GAUSS_NODES, _GAUSS_WEIGHTS, strict=True):
                total_V += weight * self._rectified_V(middle_s + node * half_s)
        return self.rf.state.mean_square * total_V / (2 * count) + dropped_V

    def voltmeter_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what a voltmeter reads that integrates over a window and has this noise of its own [V]."""
        if self.network.contact_open:
            return self._input.added_V(start_s, stop_s, math.hypot(meter_V_per_rtHz, _OPEN_V_PER_RTHZ))
        return self.mean_voltage_V(name, start_s, stop_s) + self._input.added_V(start_s, stop_s, meter_V_per_rtHz)

    def shorted_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what the same voltmeter reads on an input that is shorted [V]."""
        return self._input.meter_V(start_s, stop_s, meter_V_per_rtHz)

    # the lock-in, on the same pads

    def lockin_reference(self, name: str, t_s: float) -> float | None:
        """Return the frequency at the source's LF or sync output [Hz], None while nothing modulates."""
        return self.rf.state.modulation_Hz

    def lockin_noise(self, name: str) -> float:
        """Return the white noise at the pads [V/rtHz]."""
        return math.sqrt(self._input.variance_density)

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        """Return the rms phasor of a harmonic of the modulation [V].

        All of it follows the carrier's power: what the sample rectifies, and with a direct current the drop over what
        the microwave's heat adds to the resistance (which takes far less than a period).
        """
        envelope = self.rf.state.envelope
        if envelope is None or t_s < self._modulated_s or self.network.contact_open:
            return 0j
        voltage_V = self._rectified_V(t_s)
        if self._bias_A:
            self._turn(t_s)
            voltage_V += self._bias_A * self.strip.heating_ohm(self.rf.current_A_peak)
        return voltage_V * envelope.phasor(harmonic)

    def before_change(self, t_s: float) -> None:
        """Let every detector follow what was; without a modulation a lock-in sees nothing, however the field moves."""
        self._changed_s = t_s
        if self.rf.state.envelope is not None:
            super().before_change(t_s)

    # the source meter, on the same pads

    def drive_current(self, name: str, t_s: float, current_A: float, limit_V: float) -> None:
        """Force a direct current through the bias tee."""
        if self._takes_over(name, current_A != 0.0):
            self.strip.drive_current(t_s, current_A, limit_V)
            self._bias_changed(t_s)

    def drive_voltage(self, name: str, t_s: float, voltage_V: float, limit_A: float) -> None:
        """Force a voltage at the dc pads."""
        if self._takes_over(name, True):
            self._turn(t_s)
            self.strip.drive_voltage(t_s, voltage_V, limit_A)
            self._bias_changed(t_s)

    def drive_current_wave(self, name: str, t_s: float, wave: Waveform, limit_V: float) -> None:
        """Force a current that changes in time; its mean is the bias of the resonance."""
        if self._takes_over(name, True):
            self.strip.drive_current_wave(t_s, wave, limit_V)
            self._bias_changed(t_s)

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        """Return the mean voltage at a source's terminals, with what the sample rectifies [V]."""
        rectified_V = self.rf.state.mean_square * self._rectified_V((start_s + stop_s) / 2)
        return self._dropped_V(start_s, stop_s, four_wires=four_wires) + rectified_V

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean current through a source's terminals [A]."""
        self._turn(start_s)
        return self.strip.current_A(start_s, stop_s)

    def in_compliance(self, name: str, t_s: float) -> bool:
        """Return whether the source stands at its limit."""
        self._turn(t_s)
        return self.strip.in_compliance(t_s)

    def _takes_over(self, name: str, drives: bool) -> bool:
        """Return whether what a source does counts: one that drives takes the pads over, an idle one never does."""
        if drives:
            self._biased_by = name
            return True
        if self._biased_by == name:
            self._biased_by = ""
            return True
        return False

    def _dropped_V(self, start_s: float, stop_s: float, *, four_wires: bool = False) -> float:
        self._turn((start_s + stop_s) / 2)
        return self.strip.voltage_V(start_s, stop_s, four_wires=four_wires)

    def _turn(self, t_s: float) -> None:
        """Give the strip the direction of the magnetisation; without a field half of it lies along the current."""
        field_T = self.field_T(t_s)
        if abs(field_T) < SATURATION_T:
            self.strip.angle_deg = 45.0
            return
        m_x = self._rectifier.direction(field_T, self.azimuth_deg(t_s))[0]
        self.strip.angle_deg = math.degrees(math.acos(min(abs(m_x), 1.0)))

    def _bias_changed(self, t_s: float) -> None:
        self._changed_s = t_s
        self._bias_A = self.strip.bias_A()
        self._check_alive()
        self._renew()

    # the microwave

    def switched(self, name: str, closed: Iterable[int]) -> None:
        """Lead source and strip where the switch says; its contacts are made anew with each movement."""
        path, closed = self.rf.path, list(closed)
        source_to, strip_to = routes(closed)
        if not closed:
            strip_to = self._connected
        if (source_to, strip_to) != (path.source_to, path.strip_to):
            path.route(source_to, strip_to)
            self.network.reconnect()
            self.rf.refresh()

    def sensor_power_W(self, t_s: float) -> float:
        """Return the power at the sensor, at plane A; 0 unless the switch leads the source there [W]."""
        state, path = self.rf.state, self.rf.path
        if not state.on or path.source_to != "sensor":
            return 0.0
        power_W = path.power_at_A_W(state.frequency_Hz, state.power_dBm)
        return power_W * state.mean_square * path.drift_factor(t_s)

    @property
    def sensor_frequency_Hz(self) -> float:
        """Frequency of what arrives at the sensor [Hz]."""
        return self.rf.state.frequency_Hz

    def _rf_changed(self) -> None:
        """Take over what the source does now."""
        if self.rf.state.envelope is None:
            self._modulated_s = math.inf
        elif self._modulated_s == math.inf:  # before now there was nothing for a lock-in
            self._modulated_s = self._changed_s
        self.strip.heat(max(self._changed_s, 0.0), self.rf.current_A_peak, self.rf.state.mean_square)
        self._check_alive()
        self._renew()

    def _check_alive(self) -> None:
        """Open the microwave's way through a strip that has died, too."""
        if self.strip.died_s is not None and not self.network.contact_open:
            self.network.contact_open = True
            self.rf.refresh()

    def _renew(self) -> None:
        """Make the rectifier for the present frequency and currents."""
        magnet, azimuth = self._magnet_values, self._azimuth_values
        self._rectifier = Rectifier(
            self.sample,
            self.rf.state.frequency_Hz,
            self.rf.current_A_peak,
            self._bias_A,
            tilt_deg=magnet["tilt_deg"],
            wobble_deg=azimuth["wobble_deg"],
            wobble_at_deg=azimuth["wobble_at_deg"],
        )

    # interlock

    def interlock_closed(self, line: int) -> bool:
        """Return whether a contact is closed now."""
        return not any(one == line and until_s == math.inf for one, _, until_s in self._opened)

    def interlock_opened(self, line: int, since_s: float) -> bool:
        """Return whether a contact was open at any time since then."""
        return any(one == line and until_s > since_s for one, _, until_s in self._opened)

    # what a test may know

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what magnet, rotator, microwave, its switch and the source meter do now."""
        state, path = self.rf.state, self.rf.path
        self._turn(t_s)
        return {
            "magnet": {"current_set_A": self.magnet.reference_A(t_s), "current_A": self.magnet.current_A(t_s)},
            "microwave": {"on": state.on, "frequency_Hz": state.frequency_Hz, "power_dBm": state.power_dBm},
            "azimuth": {"position_deg": self.stage[3].position(t_s), "moving": t_s < self.stage[3].settled_s()},
            "rf_switch": {"source": path.source_to, "strip": path.strip_to},
            "dc": {"current_A": self.strip.current_A(t_s, t_s + 1e-6)},
        }

    def truth(
        self,
        frequency_Hz: float | None = None,
        power_dBm: float | None = None,
        angle_deg: float | None = None,
        current_A: float | None = None,
        **settings: Any,
    ) -> dict[str, dict[str, Any]]:
        """Return what a measurement on this bench should find; no instrument can ask for it.

        Without frequency and power: the sample's own values. With both, also the line of that spectrum at a positive
        field: ``v_sym``, ``v_asym``, ``field_res``, ``width`` (HWHM), the peak ``current``, the power at plane A
        ``power_A``, and its peak effective fields ``b_dl`` and ``b_fl``, also by the spins' direction, as ``b_dl_z``;
        ``b_fl`` contains the Oersted field ``b_oe``, ``xi_fl_E`` does not. ``angle_deg`` is the rotator's position, by
        default where it starts; ``current_A`` a direct current, by default the present one.
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
            "anisotropy": (sample.anisotropy_T, "T"),
            "delta_resistance": (sample.amr_ohm, "ohm"),
            "xi_dl_j": (sample.xi_dl_E * sample.nm_resistivity_ohm_m, ""),
            "xi_fl_j": (sample.xi_fl_E * sample.nm_resistivity_ohm_m, ""),
            "angle_zero": (self._azimuth_values["zero_deg"], "deg"),
        }
        unusual = ("xi_dl_x_E", "xi_dl_z_E", "xi_fl_x_E", "xi_fl_z_E")
        found |= {name: (getattr(sample, name), "1/(ohm*m)") for name in unusual}
        if frequency_Hz is not None and power_dBm is not None:
            peak_A = self.rf.current_for(frequency_Hz, power_dBm)
            azimuth = self._azimuth_values
            rectifier = Rectifier(
                sample, frequency_Hz, peak_A, self._bias_A if current_A is None else current_A,
                tilt_deg=self._magnet_values["tilt_deg"], wobble_deg=azimuth["wobble_deg"],
                wobble_at_deg=azimuth["wobble_at_deg"],
            )  # fmt: skip
            line = rectifier.line((self.angle_deg if angle_deg is None else angle_deg) + azimuth["zero_deg"])
            torques = sample.torques(peak_A)
            found |= {
                "v_sym": (line.v_sym_V, "V"),
                "v_asym": (line.v_asym_V, "V"),
                "field_res": (line.field_res_T, "T"),
                "width": (line.width_T, "T"),
                "current": (peak_A, "A"),
                "current_rf": (peak_A, "A"),
                "e_field": (peak_A * sample.resistance_ohm / sample.length_m, "V/m"),
                "power_A": (self.rf.path.power_at_A_W(frequency_Hz, power_dBm), "W"),
                "b_dl": (torques.damping_like_T, "T"),
                "b_fl": (torques.field_like_T + torques.oersted_T, "T"),
                "b_oe": (torques.oersted_T, "T"),
                "b_dl_y": (torques.damping_like_T, "T"),
                "b_dl_x": (torques.damping_like_x_T, "T"),
                "b_dl_z": (torques.damping_like_z_T, "T"),
                "b_fl_y": (torques.field_like_T + torques.oersted_T, "T"),
                "b_fl_x": (torques.field_like_x_T, "T"),
                "b_fl_z": (torques.field_like_z_T, "T"),
            }
        return {name: {"value": value + 0.0, "unit": unit} for name, (value, unit) in found.items()}  # no -0


def load_sample(name: str) -> Sample:
    """Return a shipped sample by its file name, or the sample of any other file.

    Raises
    ------
    StationError
        If there is no such file, or it does not describe a sample.
    """
    return Sample.from_mapping(read_sample(name), name)
