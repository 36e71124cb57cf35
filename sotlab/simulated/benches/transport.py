"""The bench ``transport``: a film on a rotator in a magnet and a cryostat, sources and meters on it by a matrix.

The matrix's rows 1 to 4 are the lines I+, I-, V+ and V-, its columns the contacts. All sources are wired to I+ and I-
(the waveform generator through a resistor), all meters to V+ and V-. Until a command moves the matrix, the sample's
own wires (``direct:`` in its file) stand for it, unless the bench file says ``direct: no``; then nothing is connected.

The film follows its bath and its current at once: a source's power heats it as its mean over a period. What is read
over a window is the mean of the state at two points of it, while temperature, field or angle move. Left out: pick-up of
the mains, cable capacitance, voltages of the current leads' own (thermal EMFs are those of the voltage contacts).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scipy.constants import k

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Bench, Streams, number, section, shipped_samples
from sotlab.simulated.benches.transport_sample import load_film
from sotlab.simulated.physics.circuit import Source, solve
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor
from sotlab.simulated.physics.detect import HallProbe, white_rms
from sotlab.simulated.physics.driven import DrivenFilm, State, Surroundings, forced_V
from sotlab.simulated.physics.flicker import Flicker
from sotlab.simulated.physics.magnet import Magnet, PlayHysteresis
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.transport import Waveform

__all__ = ["DEFAULTS", "Transport"]

#: What the ``lab:`` section of a bench file may say, with what holds where it says nothing.
DEFAULTS: dict[str, dict[str, float]] = {
    "magnet": {
        "coil_T_per_A": 0.05,
        "remanence_T": 1e-3,
        "time_constant_s": 0.3,
        "slew_A_per_s": 10.0,
        "resistance_ohm": 2.0,
    },
    "gaussmeter": {"zero_T": 20e-6, "noise_T": 2e-6, "update_s": 0.1},
    "cryostat": {
        "base_K": 15.0,
        "room_K": 295.0,
        "conductance_W_per_K": 0.1,
        "heat_capacity_J_per_K": 20.0,
        "thermometer_lag_s": 0.5,
        "thermometer_noise_K": 2e-3,
    },
    "wiring": {
        "series_ohm": 10e3,  # between the waveform generator and I+
        "source_offset_A": 2e-9,  # standard deviation, drawn once for each source
        "thermal_emf_V": 1e-6,  # standard deviation for each contact, drawn once
        "drift_V_per_s": 0.5e-9,  # the same
        "seebeck_V_per_K": 5e-9,  # the same, per kelvin away from room temperature
        "bias_A": 5e-12,  # out of the meters' inputs
        "pickup_V_per_rtHz": 5e-9,
    },
}
_MUST_BE_POSITIVE = (
    "coil_T_per_A", "time_constant_s", "slew_A_per_s", "resistance_ohm", "update_s", "base_K", "room_K",
    "conductance_W_per_K", "heat_capacity_J_per_K",
)  # fmt: skip
_MAY_BE_NEGATIVE = ("bias_A",)

#: Points and weights of the mean over a window in which something moves: exact for a cubic.
_NODES = (0.5 - math.sqrt(1.0 / 12.0), 0.5 + math.sqrt(1.0 / 12.0))
#: A source this far from the frequency that a lock-in detects is taken as filtered away [Hz].
_NEAR_HZ = 1.0
_DEFAULT_HZ = 1000.0
ROTATOR, SAMPLE_OUTPUT = 2, 1


class CooledStage(HeatedStage):
    """A stage at room temperature whose cooler starts when the controller first switches its heater's range on."""

    def __init__(self, cold_K: float, room_K: float, conductance_W_per_K: float, heat_capacity_J_per_K: float) -> None:
        super().__init__(room_K, conductance_W_per_K, heat_capacity_J_per_K, start_K=room_K)
        self._cold_K = cold_K

    def heat(self, t_s: float, power_W: float) -> None:
        """Heat with a constant power; the first power starts the cooler."""
        if power_W > 0.0:
            self.base_K = self._cold_K
        super().heat(t_s, power_W)

    def control(
        self, t_s: float, setpoint_K: float, most_W: float, gain: float = 50.0, rate_K_per_s: float = 0.0
    ) -> None:
        """Close the loop; the first power that it may use starts the cooler."""
        if most_W > 0.0:
            self.base_K = self._cold_K
        super().control(t_s, setpoint_K, most_W, gain, rate_K_per_s)


class Transport(Bench):
    """One film with up to eight contacts.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section of a bench file: ``sample`` (a shipped sample's file name, or a path), ``thickness_nm``,
        ``direct`` (yes or no), ``field`` (normal or in_plane), ``angle_deg``, and the sections of :data:`DEFAULTS`.
        The rotator turns a normal field towards +y, and a field in the plane, from ``angle_deg`` from +x on,
        counterclockwise.
    streams : callable
        Gives the random stream of a name.
    noise : bool
        False leaves out all that is random: noise, thermal EMFs, offsets, the gaussmeter's zero.

    Raises
    ------
    StationError
        If the section has an unknown key, a value that is not allowed, or an unknown sample.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        known = {"sample", "thickness_nm", "direct", "field", "angle_deg", *DEFAULTS}
        if unknown := sorted(set(lab) - known):
            raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
        if "sample" not in lab:
            raise StationError(f"lab section: no sample; name one of {', '.join(shipped_samples())} or a file")
        magnet, gaussmeter, cryostat, self._wiring = (
            section(lab, name, defaults, positive=_MUST_BE_POSITIVE, signed=_MAY_BE_NEGATIVE)
            for name, defaults in DEFAULTS.items()
        )
        thickness = lab.get("thickness_nm")
        thickness_nm = None if thickness is None else number("lab section", "thickness_nm", thickness)
        self.sample = load_film(str(lab["sample"]), thickness_nm)
        self.film = self.sample.film
        self._in_plane = _word(lab, "field", {"normal": False, "in_plane": True}, "normal")
        wired = _word(lab, "direct", {"yes": True, "no": False, "true": True, "false": False}, "yes")
        self._angle_deg = number("lab section", "angle_deg", lab.get("angle_deg", 0.0))
        self._noise, self._streams = noise, streams

        yoke = PlayHysteresis(magnet["coil_T_per_A"], magnet["remanence_T"], (0.03, 0.1, 0.3, 1.0))
        self.magnet = Magnet(yoke, magnet["time_constant_s"], magnet["slew_A_per_s"], magnet["resistance_ohm"])
        self._probe = HallProbe(
            gaussmeter["zero_T"], gaussmeter["noise_T"], gaussmeter["update_s"],
            streams("gaussmeter.zero"), streams("gaussmeter.noise"), noise,
        )  # fmt: skip
        stage = CooledStage(
            cryostat["base_K"], cryostat["room_K"], cryostat["conductance_W_per_K"], cryostat["heat_capacity_J_per_K"]
        )
        self.cryostat = Cryostat(
            {SAMPLE_OUTPUT: stage},
            {"A": Sensor(SAMPLE_OUTPUT, cryostat["thermometer_lag_s"]), "B": Sensor(SAMPLE_OUTPUT)},
            cryostat["thermometer_noise_K"],
            streams("thermometer.noise") if noise else None,
        )
        self.stage = {1: Axis(-25e-3, 25e-3), 2: Axis(-360.0, 360.0, window=1e-3), 3: Axis(-360.0, 360.0, window=1e-3)}

        drawn = streams("wiring.emf").standard_normal((3, 8)) * float(noise)
        names = ("thermal_emf_V", "drift_V_per_s", "seebeck_V_per_K")
        self._emf_V, self._emf_V_per_s, self._emf_V_per_K = (
            self._wiring[name] * draws for name, draws in zip(names, drawn, strict=True)
        )
        self._room_K = cryostat["room_K"]
        self._flickers: dict[str, Flicker] = {}
        self._offsets: dict[str, float] = {}
        self.circuit = DrivenFilm(self.film, self.sample.direct if wired else ())
        self._sample_off_K, self._open_lines = 0.0, frozenset[int]()
        self._field_drift = (0.0, 0.0)  # from when on [s], and how fast [T/s]
        self._marked: tuple[Waveform, float] | None = None
        self._lockin_Hz, self._locked, self._was_asked = _DEFAULT_HZ, False, False
        self.faults = {
            "contact_opens": self._open_contact,
            "device_dies": self._die,
            "thermometer_off": self._set_thermometer_off,
            "field_drift": self._let_field_drift,
            "interlock_opens": self._open_interlock,
        }

    # what goes wrong

    def _open_contact(self, t_s: float, contact: float = 3) -> None:
        count = len(self.film.contacts)
        if contact not in range(1, count + 1):
            raise StationError(f"fault contact_opens: contact {contact:g} asked, the sample has 1 to {count}")
        self.circuit.open_contact(int(contact))

    def _die(self, t_s: float) -> None:
        self.circuit.die(t_s)

    def _set_thermometer_off(self, t_s: float, offset_K: float = 5.0) -> None:
        """Let the sample be warmer than the stage that the thermometers are on."""
        self._sample_off_K = offset_K

    def _let_field_drift(self, t_s: float, rate_T_per_s: float = 1e-6) -> None:
        self._field_drift = (t_s, rate_T_per_s)

    def _open_interlock(self, t_s: float, line: float = 1) -> None:
        self._open_lines |= {int(line)}

    def interlock_closed(self, line: int) -> bool:
        """Return whether the contact of a line is closed."""
        return line not in self._open_lines

    # the film's surroundings

    def field_T(self, t_s: float) -> float:
        """Return the field between the poles [T]."""
        since_s, rate_T_per_s = self._field_drift
        return self.magnet.field_T(t_s) + rate_T_per_s * max(t_s - since_s, 0.0)

    def gaussmeter_T(self, t_s: float) -> float:
        """Return the gaussmeter's reading: the field, its zero offset and noise [T]."""
        return self.field_T(self._probe.reading_time_s(t_s)) + self._probe.error_T(t_s)

    def zero_gaussmeter(self, t_s: float) -> None:
        """Make what the gaussmeter reads now its zero."""
        self._probe.zero(self.gaussmeter_T(t_s))

    def surroundings(self, t_s: float) -> Surroundings:
        """Return what the film is exposed to at a bench time."""
        bath_K = self.cryostat.stages[SAMPLE_OUTPUT].temperature_K(t_s) + self._sample_off_K
        return self._exposed(bath_K, self.field_T(t_s), self.stage[ROTATOR].carriage(t_s))

    def _exposed(self, bath_K: float, field_T: float, turned_deg: float) -> Surroundings:
        turned_rad = math.radians(turned_deg)
        if self._in_plane:
            normal_T, plane_T, plane_rad = 0.0, field_T, math.radians(self._angle_deg) + turned_rad
        else:
            normal_T, plane_T = field_T * math.cos(turned_rad), field_T * math.sin(turned_rad)
            plane_rad = math.pi / 2.0
        return Surroundings(bath_K, normal_T, self.film.magnetism.angle_rad(plane_T, plane_rad))

    # what drives the film

    def drive_current(self, name: str, t_s: float, current_A: float, limit_V: float) -> None:
        """Force a current within a voltage limit."""
        self.drive_current_wave(name, t_s, Waveform("dc", 0.0, 0.0, current_A), limit_V)

    def drive_current_wave(self, name: str, t_s: float, wave: Waveform, limit_V: float) -> None:
        """Force a current that changes in time; a source that makes one has an offset too."""
        if self._noise and wave.peak > 0.0:
            drawn = float(self._streams(f"{name}.offset").standard_normal()) if name not in self._offsets else 0.0
            self._offsets.setdefault(name, drawn * self._wiring["source_offset_A"])
            wave = replace(wave, offset=wave.offset + self._offsets[name])
        self._drive(t_s, name, Source(wave, True, limit_V))

    def drive_voltage(self, name: str, t_s: float, voltage_V: float, limit_A: float) -> None:
        """Force a voltage within a current limit."""
        self._drive(t_s, name, Source(Waveform("dc", 0.0, 0.0, voltage_V), False, limit_A, 0.0))

    def drive_voltage_wave(self, name: str, t_s: float, wave: Waveform, output_ohm: float) -> None:
        """Apply a voltage that changes in time, through the series resistor."""
        self._drive(t_s, name, Source(wave, False, math.inf, output_ohm + self._wiring["series_ohm"]))

    def _drive(self, t_s: float, name: str, source: Source) -> None:
        self.circuit.drive(name, source)
        self.state(t_s)  # what is too much for the film kills it now, not when somebody looks

    def switched(self, name: str, closed: list[int]) -> None:
        """Take over the matrix's closed relays: from now on they count, not the sample's own wires."""
        self.circuit.switch(closed)

    def mark_phase(self, name: str, t_s: float, wave: Waveform | None, phase_deg: float, line: int) -> None:
        """Keep what the current source's phase marker does."""
        self._marked = None if wave is None else (wave, phase_deg)

    # the circuit

    def state(self, t_s: float) -> State:
        """Return what the circuit does at a bench time."""
        return self.circuit.state(t_s, self.surroundings(t_s))

    def _window(self, start_s: float, stop_s: float) -> list[State]:
        """Return the states whose mean stands for a window: one where nothing moves, else two."""
        if self.surroundings(start_s) == self.surroundings(stop_s) and not self.circuit.changes(start_s, stop_s):
            return [self.state(start_s)]
        return [self.state(start_s + node * (stop_s - start_s)) for node in _NODES]

    # what is measured

    def _sensed_V(self, start_s: float, stop_s: float, states: list[State], fluctuation: float = 0.0) -> float:
        """Return the mean voltage from V- to V+, without the noise of its resistance [V]."""
        middle_s = (start_s + stop_s) / 2.0
        emf_V = self._emf_V + self._emf_V_per_s * middle_s
        total_V = 0.0
        for state in states:
            current_A = sum(flow.port.mean(start_s, stop_s) for flow in state.flows.values())
            total_V += state.ports.transfer_ohm * current_A * (1.0 + fluctuation)
            total_V += float(state.ports.emf_weights @ (emf_V + self._emf_V_per_K * (state.film_K - self._room_K)))
            total_V += self._wiring["bias_A"] * state.ports.output_ohm
        return total_V / len(states)

    def _fluctuation(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean relative fluctuation of the film's resistance that a meter sees over a window."""
        idle = all(one.wave.peak == 0.0 for one in self.circuit.sources.values())
        if idle or not self._noise or self.film.flicker_per_rtHz == 0.0:
            return 0.0
        if name not in self._flickers:
            self._flickers[name] = Flicker(self.film.flicker_per_rtHz, self._streams(f"{name}.flicker"))
        return self._flickers[name].mean(start_s, stop_s)

    def _noise_V(self, name: str, start_s: float, stop_s: float, ohm: float, kelvin: float, others: float) -> float:
        """Return white noise over a window: Johnson's, the pick-up, and densities squared of others [V]."""
        if not self._noise:
            return 0.0
        variance = 4.0 * k * kelvin * ohm + self._wiring["pickup_V_per_rtHz"] ** 2 + others
        draw = float(self._streams(f"{name}.input").standard_normal())
        return white_rms(math.sqrt(variance), stop_s - start_s) * draw

    def voltage_V(self, name: str, t_s: float) -> float:
        """Return the voltage from V- to V+ at a moment, without noise [V]."""
        return self._sensed_V(t_s, t_s + 1e-9, [self.state(t_s)])

    def mean_voltage_V(self, name: str, start_s: float, stop_s: float) -> float:
        """Return its mean over a window, without noise [V]."""
        return self._sensed_V(start_s, stop_s, self._window(start_s, stop_s))

    def voltmeter_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what a voltmeter reads that integrates over a window and has this noise of its own [V]."""
        states = self._window(start_s, stop_s)
        voltage_V = self._sensed_V(start_s, stop_s, states, self._fluctuation(name, start_s, stop_s))
        ohm, kelvin = states[0].ports.output_ohm, states[0].film_K
        return voltage_V + self._noise_V(name, start_s, stop_s, ohm, kelvin, meter_V_per_rtHz**2)

    def shorted_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what the same voltmeter reads on an input that is shorted [V]."""
        if not self._noise:
            return 0.0
        draw = float(self._streams(f"{name}.short").standard_normal())
        return white_rms(meter_V_per_rtHz, stop_s - start_s) * draw

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        """Return the mean voltage at the sense (V+, V-) or force terminals (I+, I-) over a window [V]."""
        if four_wires:
            return self.voltmeter_V(name, start_s, stop_s, 0.0)
        states = self._window(start_s, stop_s)
        mean_V = sum(forced_V(state, start_s, stop_s) for state in states) / len(states)
        mean_V *= 1.0 + self._fluctuation(name, start_s, stop_s)
        ohm, kelvin = min(states[0].ports.input_ohm, 1e10), states[0].film_K
        return mean_V + self._noise_V(name, start_s, stop_s, ohm, kelvin, 0.0)

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean current through a source's terminals over a window [A]."""
        source, states = self.circuit.sources.get(name), self._window(start_s, stop_s)
        if source is None:
            return 0.0
        if len(self.circuit.sources) == 1 or (not source.is_current and self._is_alone(name)):
            return sum(state.flows[name].port.mean(start_s, stop_s) for state in states) / len(states)
        total_A = 0.0
        for state in states:
            own = source.wave.mean(start_s, stop_s) * state.flows[name].factor
            total_A += own if source.is_current else (own - forced_V(state, start_s, stop_s)) / source.output_ohm
        return total_A / len(states)

    def _is_alone(self, name: str) -> bool:
        others = (one for other, one in self.circuit.sources.items() if other != name)
        return all(one.wave.peak == 0.0 and (one.is_current or math.isinf(one.output_ohm)) for one in others)

    def in_compliance(self, name: str, t_s: float) -> bool:
        """Return whether a source stands at its limit."""
        source = self.circuit.sources.get(name)
        if source is None or source.wave.peak == 0.0 or not source.wave.start_s <= t_s < source.wave.stop_s:
            return False
        return self.state(t_s).flows[name].factor < 1.0 - 1e-9

    # the lock-in

    def lockin_noise(self, name: str) -> float:
        """Return the noise density at the lock-in's input, at room temperature with the sample's own wires [V/rtHz]."""
        ports = solve(self.film, self.film.resistances(self._room_K), self.sample.direct, frozenset())
        return math.hypot(math.sqrt(4.0 * k * self._room_K * ports.output_ohm), self._wiring["pickup_V_per_rtHz"])

    def _reference(self) -> tuple[float, float] | None:
        """Return frequency [Hz] and phase at time 0 [rad] of the phase marker, or else of the generator's sync."""
        if self._marked is not None:
            wave, marked_deg = self._marked
            start_s = wave.start_s if math.isfinite(wave.start_s) else 0.0
            phase_deg = wave.phase_deg - marked_deg
            return wave.frequency_Hz, math.radians(phase_deg) - 2.0 * math.pi * wave.frequency_Hz * start_s
        for one in self.circuit.sources.values():
            if not one.is_current and math.isfinite(one.output_ohm) and one.wave.frequency_Hz > 0.0:
                return one.wave.frequency_Hz, 0.0
        return None

    def lockin_reference(self, name: str, t_s: float) -> float | None:
        """Return the external reference's frequency [Hz]; a lock-in that asks is locked to it."""
        self._was_asked = True
        found = self._reference()
        return None if found is None else found[0]

    def sine_out(self, name: str, t_s: float, frequency_Hz: float, amplitude_V_rms: float) -> None:
        """Learn what the lock-in's reference is; its own sine output is wired to nothing."""
        # A lock-in on an external reference asks for it right before it tells; one on its own does not.
        self._lockin_Hz, self._locked, self._was_asked = frequency_Hz, self._was_asked, False

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        """Return the rms phasor from V- to V+ at a harmonic of the reference [V]."""
        self._was_asked = False
        reference = self._reference() if self._locked else None
        if self._locked and reference is None:
            return 0j
        frequency_Hz, phase_rad = reference if reference is not None else (self._lockin_Hz, 0.0)
        detected_Hz, state, total = harmonic * frequency_Hz, self.state(t_s), 0j
        for flow in state.flows.values():
            wave = flow.port
            if wave.frequency_Hz <= 0.0 or wave.peak == 0.0 or not wave.start_s <= t_s < wave.stop_s:
                continue
            order = round(detected_Hz / wave.frequency_Hz)
            beat_Hz = order * wave.frequency_Hz - detected_Hz
            if order < 1 or abs(beat_Hz) > _NEAR_HZ:
                continue
            start_s = wave.start_s if math.isfinite(wave.start_s) else 0.0
            angle = 2.0 * math.pi * (beat_Hz * t_s - order * wave.frequency_Hz * start_s) - harmonic * phase_rad
            total += wave.harmonic_rms(order) * cmath.exp(1j * angle)
        return state.ports.transfer_ohm * total

    # what everybody may know, and what nobody may

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what magnet, cryostat, rotator, matrix and sources do now."""
        state = self.state(t_s)
        return {
            "magnet": {"current_set_A": self.magnet.reference_A(t_s), "current_A": self.magnet.current_A(t_s)},
            "cryostat": {"heater_W": self.cryostat.stages[SAMPLE_OUTPUT].power_W(t_s)},
            "rotator": {"angle_deg": self.stage[ROTATOR].position(t_s)},
            "matrix": {"closed": list(self.circuit.closed)},
            "sources": {name: {"peak_A": flow.port.peak} for name, flow in state.flows.items()},
        }

    def truth(
        self,
        temperature_K: float | None = None,
        field_T: float = 0.0,
        angle_deg: float = 0.0,
        **settings: Any,
    ) -> dict[str, dict[str, Any]]:
        """Return what a measurement on this bench should find; no instrument can ask for it.

        At a temperature, in a field, with the rotator at an angle, without heating: ``sheet_resistance``,
        ``resistivity``, ``resistance`` (of the sample's own wires), ``hall_slope`` of the film, and with four contacts
        van der Pauw's ``resistance_a`` (current 1 to 2, voltage 4 to 3) and ``resistance_b`` (2 to 3, 1 to 4).
        """
        kelvin = self._room_K if temperature_K is None else temperature_K
        around, film = self._exposed(kelvin, field_T, angle_deg), self.film
        conduction = film.conduction

        def resistance_ohm(current: tuple[int, int], voltage: tuple[int, int]) -> float:
            return film.resistance_ohm(current, voltage, kelvin, around.normal_T, around.magnetisation_rad)

        found: dict[str, tuple[float, str]] = {
            "sheet_resistance": (conduction.sheet_ohm(kelvin), "ohm"),
            "resistivity": (conduction.sheet_ohm(kelvin) * conduction.thickness_m, "ohm*m"),
            "resistivity_0": (conduction.resistivity_ohm_m, "ohm*m"),
            "thickness": (conduction.thickness_m, "m"),
            "resistance": (resistance_ohm(self.sample.current, self.sample.voltage), "ohm"),
            "hall_slope": (film.hall_ohm(1.0), "ohm/T"),
            "amr_ratio": (film.magnetism.amr, ""),
        }
        if len(film.contacts) == 4:
            found |= {
                "resistance_a": (resistance_ohm((1, 2), (4, 3)), "ohm"),
                "resistance_b": (resistance_ohm((2, 3), (1, 4)), "ohm"),
            }
        return {name: {"value": value, "unit": unit} for name, (value, unit) in found.items()}


def _word(lab: Mapping[str, Any], key: str, allowed: Mapping[str, bool], default: str) -> bool:
    """Return what a word of the bench file means."""
    word = str(lab.get(key, default)).lower()
    if word not in allowed:
        raise StationError(f"lab section: {key} is '{word}', allowed are {', '.join(allowed)}")
    return allowed[word]
