"""The bench ``harmonic_hall``: a Hall cross on two rotators in a superconducting magnet and a cryostat.

The 6221 and the 2400 are both wired to the strip, in parallel, and their currents add; one that is off is
disconnected. The meters are wired to one of two pairs, named by their option ``input``: ``hall``, the arms of the
cross, or ``longitudinal``, the taps along the strip. The lock-ins' reference is the 6221's phase marker: there is none
while the marker is off, or no wave runs, or the marker is on another trigger line than the cable.

At 85 Hz m follows the current and the film its mean temperature; the film is warmer than the stage by the heat of the
rms current. What an opened arm shows is a rough picture: the arm floats, and picks up half of the strip's drop.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from typing import Any

from scipy.constants import k as boltzmann

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Bench, Streams, number, read_sample, section, shipped_samples
from sotlab.simulated.benches.hall_surroundings import Surroundings
from sotlab.simulated.physics.detect import HallProbe, VoltageInput, white_rms
from sotlab.simulated.physics.equilibrium import Vector
from sotlab.simulated.physics.hall import HARMONICS, Response, next_well, respond
from sotlab.simulated.physics.hall_circuit import Circuit
from sotlab.simulated.physics.hall_memory import WellMemory
from sotlab.simulated.physics.hall_sample import HallFilm, HallSample
from sotlab.simulated.physics.transport import Waveform

__all__ = ["DEFAULTS", "HarmonicHall"]

#: What the ``lab:`` section of a bench file may say beside ``sample``, with what holds where it says nothing.
DEFAULTS: dict[str, dict[str, float]] = {
    "magnet": {
        "coil_T_per_A": 0.1182,
        "current_limit_A": 80.0,
        "inductance_H": 10.0,
        "persistent_switch": 0.0,  # 1: the coil has one, which must be heated before the field can be swept
        "noise_A": 2e-4,
    },
    "field": {  # of physics.rotator.FieldDirection
        "polar_sense": 1.0,
        "polar_zero_deg": 0.0,
        "polar_error_deg": 0.0,
        "azimuth_sense": 1.0,
        "azimuth_zero_deg": 0.0,
        "azimuth_error_deg": 0.0,
        "tilt_deg": 0.0,
    },
    "stage": {"polar_axis": 2.0, "azimuth_axis": 3.0, "backlash_deg": 0.02, "noise_deg": 0.0},
    "cryostat": {
        "start_K": 295.0,
        "base_K": 4.0,
        "conductance_W_per_K": 0.12,
        "heat_capacity_J_per_K": 60.0,
        "sensor_lag_s": 0.5,
        "noise_K": 2e-3,
    },
    "source": {
        "distortion": 0.0,  # second harmonic of the 6221's sine over its amplitude
        "distortion_deg": 90.0,  # its phase: 90 adds to what R_2w is read from
        "marker_line": 3.0,  # trigger line that the lock-ins' cable is on
    },
    "wiring": {
        "pickup_V_per_rtHz": 3e-9,
        "thermal_emf_V": 200e-9,
        "drift_V_per_s": 0.0,
        "temperature_K": 295.0,
        "cable_F": 300e-12,  # with the arms' resistance it turns the phase of what the lock-ins see
    },
    "gaussmeter": {"probe_ratio": 1.0, "zero_T": 20e-6, "noise_T": 2e-6, "update_s": 0.1},
}

_POSITIVE = ("coil_T_per_A", "current_limit_A", "inductance_H", "start_K", "base_K", "conductance_W_per_K",
             "heat_capacity_J_per_K", "temperature_K", "update_s")  # fmt: skip
_SIGNED = (*DEFAULTS["field"], "distortion", "distortion_deg", "probe_ratio")

PAIRS = ("hall", "longitudinal")

#: Temperatures are told apart in steps of this [K].
_STEP_K = 1e-3
#: While anything moves, a voltmeter's window is cut into so many parts.
_WINDOW_PARTS = 8
#: A lock-in on its own oscillator sees a beat up to this frequency [Hz].
_FASTEST_BEAT_HZ = 0.5


class HarmonicHall(Bench):
    """One Hall cross, its magnet, rotators and cryostat, two sources and the meters around it.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section of a bench file: ``sample`` (a shipped sample's file name, or a path) and the sections of
        :data:`DEFAULTS`.
    streams : callable
        Gives the random stream of a name; the same name always gives the same numbers, whatever else is drawn.
    noise : bool
        False leaves out all that is random.

    Raises
    ------
    StationError
        If the section has an unknown key, a value that is no number or not allowed, or an unknown sample.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        known = {"sample", *DEFAULTS}
        if unknown := sorted(set(lab) - known):
            raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
        if "sample" not in lab:
            raise StationError(f"lab section: no sample; name one of {', '.join(shipped_samples())} or a file")
        magnet, field, stage, cryostat, source, wiring, gaussmeter = (
            section(lab, name, defaults, positive=_POSITIVE, signed=_SIGNED) for name, defaults in DEFAULTS.items()
        )
        self.sample = HallSample.from_mapping(read_sample(str(lab["sample"])), str(lab["sample"]))
        self._noise = noise

        self._around = Surroundings(magnet, field, stage, cryostat, streams, noise)
        self.sc_magnet, self.stage, self.cryostat = self._around.magnet, self._around.axes, self._around.cryostat
        self.circuit = Circuit(self.sample.most_A)
        self._distortion = source["distortion"] * cmath.exp(1j * math.radians(source["distortion_deg"]))
        self._marker_line = int(source["marker_line"])
        self._marker: tuple[Waveform, float, int] | None = None

        self._wiring = wiring
        strip_ohm = self.sample.sheet_ohm.at(wiring["temperature_K"]) * self.sample.squares
        #: Resistance between the taps of each pair [ohm].
        self._source_ohm = {"hall": self.sample.arm_ohm, "longitudinal": strip_ohm}
        self._inputs = {
            pair: VoltageInput(
                resistance_ohm=self._source_ohm[pair],
                temperature_K=wiring["temperature_K"],
                pickup_V_per_rtHz=wiring["pickup_V_per_rtHz"],
                thermal_emf_V=wiring["thermal_emf_V"],
                drift_V_per_s=wiring["drift_V_per_s"],
                offsets=streams(f"{pair}.offset"),
                readings=streams(f"{pair}.noise"),
                noise=noise,
            )
            for pair in PAIRS
        }
        self._terminals = streams("terminals.noise")
        self._probe_ratio = gaussmeter["probe_ratio"]
        self._probe = HallProbe(
            gaussmeter["zero_T"],
            gaussmeter["noise_T"],
            gaussmeter["update_s"],
            streams("gaussmeter.zero"),
            streams("gaussmeter.noise"),
            noise,
        )

        self._admixture = self.sample.arm_admixture
        self._arm_open = False
        self._open_lines: set[int] = set()
        self.faults = {
            "quench": self._quench,
            "rotator_slip": self._slip_rotator,
            "rotator_drift": self._drift_rotator,
            "hall_arm_opens": self._open_arm,
            "hall_arm_closes": self._close_arm,
            "admixture_changes": self._change_admixture,
            "interlock_opens": self._open_interlock,
            "interlock_closes": self._close_interlock,
        }

        self._films: dict[tuple[int, float], HallFilm] = {}
        self._latest: tuple[Any, Response] | None = None  # the last response, and to what
        self._memory = WellMemory(self.sample_field_T, self._film_and_current)

    # --- what the sample is in

    def before_change(self, t_s: float) -> None:
        """Let every detector follow what was, and the magnetisation too."""
        super().before_change(t_s)
        self._follow(t_s)
        self._around.forget()
        self._latest = None

    def field_T(self, t_s: float) -> float:
        """Return the magnet's field [T]."""
        return self.sc_magnet.field_T(t_s)

    def sample_field_T(self, t_s: float) -> Vector:
        """Return the field in the frame of the sample: current, Hall arms, normal [T]."""
        return self._around.field_T(t_s)

    def _film(self, t_s: float, rms_A: float) -> HallFilm:
        """Return the film as it is at the temperature that stage and current give it."""
        key = (round(self._around.stage_K(t_s) / _STEP_K), rms_A)
        film = self._films.get(key)
        if film is None:
            film = self.sample.film(self.film_K(key[0] * _STEP_K, rms_A))
            if len(self._films) > 200:
                self._films.clear()
            self._films[key] = film
        return film

    def film_K(self, stage_K: float, rms_A: float) -> float:
        """Return the temperature of the film [K]: ``T + R_th I_rms^2 R(T)``."""
        strip_ohm = self.sample.sheet_ohm.at(stage_K) * self.sample.squares
        return stage_K + self.sample.heating_K_per_W * rms_A**2 * strip_ohm

    def _film_and_current(self, t_s: float) -> tuple[HallFilm, Waveform]:
        current = self.circuit.current(t_s)
        return self._film(t_s, current.rms), current

    def _follow(self, t_s: float) -> None:
        self._memory.follow(t_s, self._around.settled_s())

    def response(self, t_s: float) -> Response:
        """Return what the two pairs show at a time, free of noise and of leads."""
        self._follow(t_s)
        film, current = self._film_and_current(t_s)
        field_T, well = self.sample_field_T(t_s), self._memory.well(t_s)
        latest = self._latest
        if latest is not None:
            known_film, known_T, known_well, known_current = latest[0]
            same = known_film is film and known_T == field_T and known_well == well
            if same and (known_current is current or known_current == current):
                return latest[1]
        found = respond(film, field_T, current, well, self._admixture)
        self._latest = (film, field_T, well, current), found
        return found

    # --- sources

    def drive_current(self, name: str, t_s: float, current_A: float, limit_V: float) -> None:
        """Force a direct current within a voltage limit."""
        self.drive_current_wave(name, t_s, Waveform("dc", 0.0, 0.0, current_A), limit_V)

    def drive_current_wave(self, name: str, t_s: float, wave: Waveform, limit_V: float) -> None:
        """Force a current that changes in time."""
        self._drive(name, t_s, wave, limit_V, is_current=True)

    def drive_voltage(self, name: str, t_s: float, voltage_V: float, limit_A: float) -> None:
        """Force a direct voltage within a current limit."""
        self._drive(name, t_s, Waveform("dc", 0.0, 0.0, voltage_V), limit_A, is_current=False)

    def _drive(self, name: str, t_s: float, wave: Waveform, limit: float, *, is_current: bool) -> None:
        self.circuit.drive(name, t_s, wave, limit, self._loop_ohm(t_s), is_current=is_current)
        self._latest = None
        self._memory.look(t_s)

    def _loop_ohm(self, t_s: float) -> float:
        """Return the resistance that a source sees, without what is small in it [ohm]."""
        return self._film(t_s, self.circuit.current(t_s).rms).strip_ohm + 2.0 * self.sample.contact_ohm

    def mark_phase(self, name: str, t_s: float, wave: Waveform | None, phase_deg: float, line: float) -> None:
        """Take note of the phase marker: which wave, at which of its phases, on which trigger line."""
        self._marker = None if wave is None else (wave, phase_deg, int(line))

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        """Return the mean voltage at the contacts of a source, or with four wires at the longitudinal taps [V]."""
        if self.circuit.died_s is not None:
            return self.circuit.open_voltage_V(name)
        middle_s = (start_s + stop_s) / 2
        voltage_V = self.mean_voltage_V("longitudinal", start_s, stop_s)
        film_ohm, contacts_ohm = self._film(middle_s, self.circuit.current(middle_s).rms).strip_ohm, 0.0
        if not four_wires:
            contacts_ohm = 2.0 * self.sample.contact_ohm
            voltage_V += contacts_ohm * self.circuit.current(middle_s).mean(start_s, stop_s)
        if not self._noise:
            return voltage_V
        density = math.sqrt(4.0 * boltzmann * self._wiring["temperature_K"] * (film_ohm + contacts_ohm))
        return voltage_V + white_rms(density, stop_s - start_s) * float(self._terminals.standard_normal())

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean current of a source [A]."""
        return self.circuit.own_current_A(name, start_s, stop_s, self._loop_ohm((start_s + stop_s) / 2))

    def in_compliance(self, name: str, t_s: float) -> bool:
        """Return whether a source stands at its limit."""
        return self.circuit.in_compliance(name, t_s, self._loop_ohm(t_s))

    # --- meters

    def _pair(self, name: str) -> str:
        if name not in PAIRS:
            raise StationError(f"device input '{name}': no such pair; set the device's option input to one of "
                               f"{', '.join(PAIRS)}")  # fmt: skip
        return name

    def lockin_reference(self, name: str, t_s: float) -> float | None:
        """Return the frequency of the phase marker [Hz], None without one."""
        if self._marker is None:
            return None
        wave, _, line = self._marker
        return wave.frequency_Hz if line == self._marker_line and wave.start_s <= t_s < wave.stop_s else None

    def lockin_noise(self, name: str) -> float:
        """Return the density of the Johnson noise of the pair and of the pick-up [V/rtHz]."""
        johnson = 4.0 * boltzmann * self._wiring["temperature_K"] * self._source_ohm[self._pair(name)]
        return math.sqrt(johnson + self._wiring["pickup_V_per_rtHz"] ** 2)

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        """Return the rms phasor relative to the phase marker; 0 without one, and beyond the third harmonic [V]."""
        pair, frequency_Hz = self._pair(name), self.lockin_reference(name, t_s)
        if frequency_Hz is None or self._marker is None or harmonic > HARMONICS:
            return 0j
        phasor = self._phasor_V(self.response(t_s), pair, int(harmonic))
        omega = 2.0 * math.pi * frequency_Hz * harmonic
        cable = 1.0 + 1j * omega * self._source_ohm[pair] * self._wiring["cable_F"]
        # The reference begins where the marker comes: phase_deg after the phase zero of the wave.
        return phasor * cmath.exp(1j * harmonic * math.radians(self._marker[1])) / cable

    def lockin_internal(self, name: str, t_s: float, frequency_Hz: float, harmonic: int) -> complex:
        """Return the rms phasor relative to a lock-in's own oscillator, which nothing ties to the current's [V].

        It turns at the difference of the frequencies; where that is large, what is left behind a filter is nothing.
        """
        pair, wave = self._pair(name), self.circuit.current(t_s)
        if wave.shape == "dc":
            return 0j
        order = round(frequency_Hz * harmonic / wave.frequency_Hz)
        beat_Hz = order * wave.frequency_Hz - frequency_Hz * harmonic
        if not 1 <= order <= HARMONICS or abs(beat_Hz) > _FASTEST_BEAT_HZ:
            return 0j
        turns = order * wave.frequency_Hz * (t_s - wave.start_s) - frequency_Hz * harmonic * t_s
        return self._phasor_V(self.response(t_s), pair, order) * cmath.exp(2j * math.pi * turns)

    def _phasor_V(self, response: Response, pair: str, harmonic: int) -> complex:
        """Return a harmonic of a pair, with the source's own second harmonic to first order [V rms]."""
        phasors = response.hall_V if pair == "hall" else response.longitudinal_V
        if pair == "hall" and self._arm_open:
            phasors = tuple(0.5j * phasor for phasor in response.longitudinal_V)
        return phasors[harmonic - 1] + (self._distortion * phasors[0] if harmonic == 2 else 0.0)

    def voltage_V(self, name: str, t_s: float) -> float:
        """Return the dc voltage of a pair, averaged over a period of any wave [V]."""
        response, pair = self.response(t_s), self._pair(name)
        if pair == "hall" and self._arm_open:
            return 0.5 * response.longitudinal_dc_V
        return response.hall_dc_V if pair == "hall" else response.longitudinal_dc_V

    def mean_voltage_V(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean voltage of a pair over a window, with what is left of a wave that it cuts [V]."""
        parts = 1 if start_s >= self._around.settled_s() else _WINDOW_PARTS
        step_s, total_V = (stop_s - start_s) / parts, 0.0
        for i in range(parts):
            a_s, b_s = start_s + i * step_s, start_s + (i + 1) * step_s
            middle_s = (a_s + b_s) / 2
            total_V += self.voltage_V(name, middle_s)
            wave = self.circuit.current(middle_s)
            if wave.shape == "dc":
                continue
            response = self.response(middle_s)
            for harmonic in range(1, HARMONICS + 1):
                per_s = 2j * math.pi * harmonic * wave.frequency_Hz
                ends = cmath.exp(per_s * (b_s - wave.start_s)) - cmath.exp(per_s * (a_s - wave.start_s))
                phasor = self._phasor_V(response, self._pair(name), harmonic)
                total_V += math.sqrt(2.0) * (phasor * ends / (per_s * step_s)).imag
        return total_V / parts

    def voltmeter_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what a voltmeter reads that integrates over a window and has this noise of its own [V]."""
        added_V = self._inputs[self._pair(name)].added_V(start_s, stop_s, meter_V_per_rtHz)
        return self.mean_voltage_V(name, start_s, stop_s) + added_V

    def shorted_V(self, name: str, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what the same voltmeter reads on an input that is shorted [V]."""
        return self._inputs[self._pair(name)].meter_V(start_s, stop_s, meter_V_per_rtHz)

    def gaussmeter_T(self, t_s: float) -> float:
        """Return the gaussmeter's reading: the magnet's field at its probe, which does not turn, zero and noise [T]."""
        field_T = self.sc_magnet.field_T(self._probe.reading_time_s(t_s))
        return self._probe_ratio * field_T + self._probe.error_T(t_s)

    def zero_gaussmeter(self, t_s: float) -> None:
        """Make what the gaussmeter reads now its zero."""
        self._probe.zero(self.gaussmeter_T(t_s))

    def interlock_closed(self, line: int) -> bool:
        """Return whether an interlock contact is closed."""
        return line not in self._open_lines

    # --- faults

    def _quench(self, t_s: float) -> None:
        self.sc_magnet.quench(t_s)

    def _slip_rotator(self, t_s: float, deg: float = 0.5) -> None:
        self._around.slip(number("fault rotator_slip", "deg", deg))

    def _drift_rotator(self, t_s: float, deg_per_h: float = 1.0, for_s: float = 3600.0) -> None:
        where = "fault rotator_drift"
        self._around.drift(t_s, number(where, "deg_per_h", deg_per_h), number(where, "for_s", for_s))

    def _open_arm(self, t_s: float) -> None:
        self._arm_open = True

    def _close_arm(self, t_s: float) -> None:
        self._arm_open = False

    def _change_admixture(self, t_s: float, value: float = 0.01) -> None:
        self._admixture = number("fault admixture_changes", "value", value)

    def _open_interlock(self, t_s: float, line: float = 1) -> None:
        self._open_lines.add(int(line))

    def _close_interlock(self, t_s: float, line: float = 1) -> None:
        self._open_lines.discard(int(line))

    # --- what is told

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what magnet, rotators, heater and sources do now."""
        current = self.circuit.current(t_s)
        strip = {
            "dc_A": current.offset,
            "amplitude_A_peak": abs(current.amplitude),
            "intact": self.circuit.died_s is None,
        }
        return {**self._around.actuators(t_s), "strip": strip, "interlock_open": sorted(self._open_lines)}

    def truth(
        self,
        temperature_K: float | None = None,
        amplitude_A_peak: float | None = None,
        field_T: float | None = None,
        polar_deg: float = 0.0,
        azimuth_deg: float = 0.0,
        **settings: Any,
    ) -> dict[str, dict[str, Any]]:
        """Return what a measurement on this bench should find; no instrument can ask for it.

        At the temperature of the stage, where the bench starts unless one is given. Per current: the effective fields
        ``b_dl_per_A``, ``b_fl_per_A`` (which contains the Oersted field, ``b_oe_per_A``; ``xi_fl_E`` does not), and
        ``r_ane_per_A``, ``r_one_per_A``. With a peak current also these times it, ``b_dl``, ``b_fl``, ``b_oe``,
        ``r_ane`` and ``r_one``, and the film then is as warm as the current makes it. Fields are as measured, with
        the sign of ``nm_side``; the efficiencies are without it. With a field at the angles that the operator means,
        also ``r_1w`` and ``r_2w``, what a perfect bench would measure there, coming from large fields.
        """
        stage_K = self._around.start_K if temperature_K is None else float(temperature_K)
        peak_A = 0.0 if amplitude_A_peak is None else float(amplitude_A_peak)
        film_K = self.film_K(stage_K, peak_A / math.sqrt(2.0))
        sample, film = self.sample, self.sample.film(film_K)
        xi_dl_E, resistivity_ohm_m = sample.xi_dl_E.at(film_K), sample.nm_resistivity_ohm_m.at(film_K)
        per_A = {
            "b_dl": (film.dl_T_per_A, "T"),
            "b_fl": (film.in_plane_T_per_A, "T"),
            "b_oe": (film.oe_T_per_A, "T"),
            "r_ane": (film.ane_ohm_per_A, "ohm"),
            "r_one": (film.one_ohm_per_A_T, "ohm/T"),
        }
        found: dict[str, tuple[float, str]] = {
            "film_temperature": (film_K, "K"),
            "r_ahe": (film.ahe_ohm, "ohm"),
            "r_a": (film.ahe_ohm, "ohm"),
            "r_phe": (film.phe_ohm, "ohm"),
            "r_p": (film.phe_ohm, "ohm"),
            "r_ohe": (film.ohe_ohm_per_T, "ohm/T"),
            "b_k": (film.spin.b_k_T, "T"),
            "mu0_meff": (-film.spin.b_k_T, "T"),
            "mu0_ms": (sample.mu0_ms_T.at(film_K), "T"),
            "sheet_resistance": (sample.sheet_ohm.at(film_K), "ohm"),
            "nm_resistivity": (resistivity_ohm_m, "ohm*m"),
            "xi_dl_E": (xi_dl_E, "1/(ohm*m)"),
            "xi_fl_E": (sample.xi_fl_E.at(film_K), "1/(ohm*m)"),
            "xi_dl_j": (xi_dl_E * resistivity_ohm_m, ""),
        }
        found |= {f"{name}_per_A": (value, f"{unit}/A") for name, (value, unit) in per_A.items()}
        if peak_A:
            found |= {name: (value * peak_A, unit) for name, (value, unit) in per_A.items()}
        if peak_A and field_T is not None:
            field = self._around.meant_field_T(float(field_T), float(polar_deg), float(azimuth_deg))
            well = next_well(
                film, self._around.meant_field_T(math.copysign(1e3, field_T), polar_deg, azimuth_deg), 0.0, 1
            )
            hall_V = respond(film, field, Waveform("sine", peak_A, 1.0), well).hall_V
            found["r_1w"] = (math.sqrt(2.0) * hall_V[0].real / peak_A, "ohm")
            found["r_2w"] = (math.sqrt(2.0) * hall_V[1].imag / peak_A, "ohm")
        return {name: {"value": value, "unit": unit} for name, (value, unit) in found.items()}
