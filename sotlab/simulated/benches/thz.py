"""The bench ``thz``: a pumped emitter in a magnet, and electro-optic sampling behind a delay stage."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from typing import Any

from scipy.constants import c

from sotlab.simulated.benches.bench import Bench, Streams, read_sample
from sotlab.simulated.benches.thz_sections import read_sections, sample_names
from sotlab.simulated.physics.detect import HallProbe
from sotlab.simulated.physics.emission import Emitter
from sotlab.simulated.physics.eo_sampling import ZnTe
from sotlab.simulated.physics.film_hysteresis import FilmMagnetisation
from sotlab.simulated.physics.magnet import Magnet, PlayHysteresis
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.optics import Chopper, PowerSensor
from sotlab.simulated.physics.pump import PumpBeam
from sotlab.simulated.physics.wander import Wander
from sotlab.simulated.physics.waveform import Waveforms

__all__ = ["REFERENCE", "THz", "load_emitter"]

#: The sample that ratios in the truth are to.
REFERENCE = "thz_co2_pt4.yaml"

#: Thresholds of the small yoke's play operators [A].
PLAY_THRESHOLDS_A = (0.1, 0.5)
#: A square wave of amplitude 1, half of the time on, has this rms at its fundamental: sqrt(2) / pi.
CHOPPED_RMS = math.sqrt(2.0) / math.pi
#: A lock-in on its own reference sees the signal if it is this near to the chopper's frequency [Hz].
NEAR_HZ = 1.0
#: What stands at the lock-ins' auxiliary inputs: difference and sum of the photodiodes, and the stage's position.
BALANCE_INPUT, SUM_INPUT, POSITION_INPUT = 1, 2, 3
#: They take no more than this [V].
AUX_LIMIT_V = 10.5
#: A fault without an end lasts this long [s].
LONG_S = 1e6


class THz(Bench):
    """Emitter, magnet, pump and electro-optic sampling; both lock-ins are on the one balanced detector.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section of a bench file: ``sample`` (a shipped sample's file name, or a path), ``samples`` (others
        in the changer), and the sections of ``thz_sections.py``.
    streams : callable
        Gives the random stream of a name.
    noise : bool
        False leaves out all that is random: noise, drifts, offsets.

    Attributes
    ----------
    stage : dict of Axis
        1 the delay [m], 2 the sample's azimuth [deg], 3 the angle of the field [deg].
    emitter : Emitter
        The sample in the beam.

    Raises
    ------
    StationError
        If the section has an unknown key, a value that is no number or not allowed, or an unknown sample.

    Notes
    -----
    The signal is ``V = probe_V sin(Gamma)``; X of a lock-in is 0.450 V while the chopper is locked. The phase Gamma is
    the sum of an odd part, ``m cos(theta - angle)`` times the odd waveform (m the magnetisation along the field's axis
    at theta), and an even part, ``even_share + c3_share sin(3 phi)`` times the even waveform, phi the azimuth.

    Drifts are functions of time. What is faster than any lock-in, amplitude noise and timing jitter, is white noise
    along the signal's phasor with the density ``hypot(beta S, tau dS/dt)`` at the present signal S: so its statistics
    do not depend on when, or how often, a lock-in is looked at.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        names = sample_names(lab)
        pump, delay, detector, air, magnet, gaussmeter, meter, wheel = read_sections(lab)
        self._delay, self._detector = delay, detector

        def stream(name: str) -> Any:
            return streams(name) if noise else None

        # the samples
        self.samples = {name: load_emitter(name) for name in names}
        self._reference = load_emitter(REFERENCE)

        # pump
        power_drift = Wander(pump["drift"], pump["drift_s"], stream("pump.drift"))
        self.pump = PumpBeam(pump["power_W"], pump["wavelength_m"], pump["repetition_Hz"], pump["spot_m2"], power_drift)
        self.pump_sensor = PowerSensor(
            self.pump, meter["dark_W"] if noise else 0.0, meter["noise_W"], stream("power_meter.noise")
        )
        self.chopper = Chopper(
            wheel["spin_s"], wheel["coast_s"], jitter=wheel["jitter"], readings=stream("chopper.jitter")
        )

        # motion and magnet
        self.stage = {
            1: Axis(
                delay["lower_m"],
                delay["upper_m"],
                tau_s=delay["servo_s"],
                backlash=delay["backlash_m"],
                resolution=delay["encoder_m"],
            ),
            2: Axis(-360.0, 360.0, window=1e-3, resolution=1e-4),
            3: Axis(-360.0, 360.0, window=1e-3, resolution=1e-4),
        }
        yoke = PlayHysteresis(magnet["coil_T_per_A"], magnet["remanence_T"], PLAY_THRESHOLDS_A)
        self.magnet = Magnet(yoke, magnet["time_constant_s"], magnet["slew_A_per_s"], magnet["resistance_ohm"])
        self._probe = HallProbe(
            gaussmeter["zero_T"],
            gaussmeter["noise_T"],
            gaussmeter["update_s"],
            streams("gaussmeter.zero"),
            streams("gaussmeter.noise"),
            noise,
        )

        # detection
        self.crystal = ZnTe(detector["crystal_m"], detector["probe_s"], pump["wavelength_m"])
        self.waveforms = Waveforms(
            self.crystal, pump["pulse_s"], pump["relaxation_s"], air["path_m"], air["temperature_K"]
        )
        self._rad_per_field = self.crystal.phase_rad_per_field * self.waveforms.peak_inside
        self._delay_drift_s = Wander(delay["drift_fs"] * 1e-15, delay["drift_s"], stream("delay.drift"))
        self._probe_V = detector["probe_V"]  # 0 while the probe is blocked
        self._imbalance = Wander(detector["imbalance"], detector["imbalance_s"], stream("detector.imbalance"))
        self._offset = detector["imbalance"] * float(streams("detector.offset").standard_normal()) if noise else 0.0

        # air: from a time on, the humidity goes from one value to another
        self._temperature_K = air["temperature_K"]
        self._air = (-air["purged_for_s"], air["room"], air["dry"], air["purge_s"])

        # what faults do
        self._zero_walk = self._balance_walk = (0.0, 0.0, 0.0)  # from when, offset, offset per second
        self._open_lines: set[int] = set()
        self.faults = {
            "laser_dropout": self._drop_laser,
            "humidity_rise": self._let_air_in,
            "zero_drift": self._walk_zero,
            "balance_drift": self._walk_balance,
            "probe_blocked": lambda t_s: self._let_probe(through=False),
            "probe_opens": lambda t_s: self._let_probe(through=True),
            "delay_stall": self._stall_delay,
            "delay_limit": self._limit_delay,
            "interlock_open": lambda t_s, line=1: self._set_line(int(line), closed=False),
            "interlock_close": lambda t_s, line=1: self._set_line(int(line), closed=True),
        }
        self._now_s = -math.inf

        # What has come to rest since the last change is not worked out again at each of the many looks of a lock-in:
        # pump power, odd and even share; and the chopping, by lock-in and harmonic.
        self._steady_from_s, self._steady = math.inf, (0.0, 0.0, 0.0)
        self._locked: dict[int, tuple[float, complex]] = {}
        self._put_in(names[0])

    # time

    def before_change(self, t_s: float) -> None:
        """Let the lock-ins and the film follow what was, up to ``t_s``; the first call begins the bench's time."""
        if self._now_s == -math.inf:
            self._begin(t_s)
        super().before_change(t_s)
        self.film.catch_up(t_s)
        self._now_s = t_s
        self._steady_from_s = math.inf
        self._locked.clear()

    def _begin(self, t_s: float) -> None:
        for drift in (self.pump.wander, self._delay_drift_s, self._imbalance):
            drift.begin(t_s)
        start_s, *rest = self._air
        self._air = (start_s + t_s, *rest)

    # samples

    def mount(self, t_s: float, name: str) -> None:
        """Put another sample into the beam: one of :attr:`samples`, a shipped one or a file.

        Raises
        ------
        StationError
            If there is no such sample, or it is no emitter.
        """
        if name not in self.samples:
            self.samples[name] = load_emitter(name)
        self.before_change(t_s)
        self._put_in(name)

    def _put_in(self, name: str) -> None:
        self.emitter = self.samples[name]
        self.film = FilmMagnetisation(self.magnet, self.emitter.coercivity_T, self.emitter.switching_T)
        self._rad_per_fluence = self._rad_per_field * self.emitter.field_per_fluence(self.pump.wavelength_m)

    # what the instruments ask for

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        """Return the rms phasor that a lock-in sees of the chopped signal [V]."""
        chopped = self._chopped(t_s, harmonic)
        return chopped * self._signal_V(t_s) if chopped else 0j

    def lockin_internal(self, name: str, t_s: float, frequency_Hz: float, harmonic: int) -> complex:
        """Return the same beside a lock-in's own oscillator, where it turns with the difference of the frequencies."""
        off_Hz = self.chopper.frequency_Hz(t_s) - frequency_Hz
        if abs(off_Hz) > NEAR_HZ:
            return 0j
        return self._square_wave(harmonic, 2.0 * math.pi * off_Hz * t_s) * self._signal_V(t_s)

    def lockin_noise(self, name: str) -> float:
        """Return the white noise of the balanced detector [V/rtHz]."""
        return self._detector["noise_V_per_rtHz"]

    def lockin_noise_now(self, name: str, t_s: float, harmonic: int) -> tuple[float, complex]:
        """Return the noise that an imbalance lets through, and that of the signal's amplitude and timing [V/rtHz]."""
        detector = self._detector
        common = abs(self.imbalance(t_s)) * self._probe_V * detector["probe_noise_per_rtHz"]
        chopped = self._chopped(t_s, harmonic)
        if not chopped:
            return common, 0j
        amplitude = detector["amplitude_noise_per_rtHz"] * self._signal_V(t_s)
        timing = detector["jitter_fs_per_rtHz"] * 1e-15 * self._slope_V_per_s(t_s)
        return common, chopped * math.hypot(amplitude, timing)

    def lockin_reference(self, name: str, t_s: float) -> float | None:
        """Return the chopper's frequency while it is locked [Hz]."""
        return self.chopper.frequency_Hz(t_s) if self.chopper.is_locked(t_s) else None

    def aux_in(self, name: str, t_s: float, channel: int) -> float:
        """Return what stands at an auxiliary input: photodiodes, or position of the delay stage by its encoder [V]."""
        if channel == POSITION_INPUT:
            steps = round(self.stage[1].position(t_s) / self._delay["encoder_m"])
            volts = steps * self._delay["encoder_m"] * self._delay["position_V_per_m"]
        elif channel == BALANCE_INPUT:
            volts = self._detector["difference_offset_V"] + self.imbalance(t_s) * self._probe_V
        else:
            volts = self._probe_V if channel == SUM_INPUT else 0.0
        return min(max(volts, -AUX_LIMIT_V), AUX_LIMIT_V)

    def gaussmeter_T(self, t_s: float) -> float:
        """Return the gaussmeter's reading [T]."""
        return self.magnet.field_T(self._probe.reading_time_s(t_s)) + self._probe.error_T(t_s)

    def zero_gaussmeter(self, t_s: float) -> None:
        """Make what the gaussmeter reads now its zero."""
        self._probe.zero(self.gaussmeter_T(t_s))

    def set_shutter(self, name: str, is_open: bool) -> None:
        """Move the pump's shutter, beginning at the time of the change that was announced last."""
        self.pump.set_shutter(self._now_s, is_open)

    def set_attenuation(
        self, name: str, start_dB: float, stop_dB: float, start_s: float, speed_dB_per_s: float
    ) -> None:
        """Turn the pump's attenuator."""
        self.pump.set_attenuation(start_dB, stop_dB, start_s, speed_dB_per_s)

    def interlock_closed(self, line: int) -> bool:
        """Return whether a contact is closed; line 1 is the door, which blocks the pump while it is open."""
        return line not in self._open_lines

    def humidity(self, t_s: float) -> float:
        """Return the relative humidity, 0 to 1; purging lets it fall exponentially."""
        start_s, start, stop, time_constant_s = self._air
        return stop + (start - stop) * math.exp(-max(t_s - start_s, 0.0) / time_constant_s)

    def air_temperature_K(self, t_s: float) -> float:
        """Return the temperature of the air [K]."""
        return self._temperature_K

    # the signal

    def imbalance(self, t_s: float) -> float:
        """Return the difference of both photodiodes without a terahertz field, over their sum."""
        since_s, offset, per_s = self._balance_walk
        return self._offset + self._imbalance(t_s) + offset + per_s * max(t_s - since_s, 0.0)

    def delay_s(self, t_s: float) -> float:
        """Return the delay of the probe, 0 at the first pulse's peak [s]."""
        delay = self._delay
        way_m = self.stage[1].carriage(t_s) - delay["zero_m"]
        since_s, offset_s, per_s = self._zero_walk
        walked_s = offset_s + per_s * max(t_s - since_s, 0.0)
        return delay["sign"] * 2.0 * delay["passes"] * way_m / c - self._delay_drift_s(t_s) - walked_s

    def _chopped(self, t_s: float, harmonic: int) -> complex:
        """Return the phasor of the chopping beside the wheel's own reference, 0 while that is not locked."""
        known = self._locked.get(harmonic)
        if known is not None and t_s >= known[0]:
            return known[1]
        if not self.chopper.is_locked(t_s):
            return 0j
        phasor = self._square_wave(harmonic, 0.0)
        self._locked[harmonic] = t_s, phasor  # once locked it stays so until something is changed
        return phasor

    def _square_wave(self, harmonic: int, turned_rad: float) -> complex:
        """Return a harmonic of a square wave that is on half of the time: ``sqrt(2) / (pi k)`` for odd k."""
        if not harmonic % 2:
            return 0j
        sign = 1 if harmonic % 4 == 1 else -1
        phase_rad = harmonic * (math.radians(self._detector["phase_deg"]) + turned_rad)
        return cmath.rect(sign * CHOPPED_RMS / harmonic, phase_rad)

    def _parts(self, t_s: float) -> tuple[float, float]:
        """Return the peak phases of the odd and the even part [rad]."""
        if t_s >= self._steady_from_s:
            power_W, odd, even = self._steady
        else:
            power_W, odd, even = self.pump.undrifted_W(t_s), self._odd(t_s), self._even(t_s)
            resting = (self.pump, self.film, self.stage[2], self.stage[3])
            if all(t_s >= one.rests_from_s for one in resting):
                self._steady_from_s, self._steady = t_s, (power_W, odd, even)
        if power_W == 0.0:
            return 0.0, 0.0
        fluence = self.pump.fluence_J_per_m2(power_W * (1.0 + self.pump.wander(t_s)))
        phase = self._rad_per_fluence * fluence / (1.0 + fluence / self.emitter.saturation_J_per_m2)
        return phase * odd, phase * even

    def _odd(self, t_s: float) -> float:
        """Return the component of the magnetisation that is seen, -1 to 1."""
        if not self.emitter.is_magnetic:
            return 0.0
        theta_deg = self.stage[3].carriage(t_s) - self._detector["angle_deg"]
        return self.film.component(t_s) * math.cos(math.radians(theta_deg))

    def _even(self, t_s: float) -> float:
        """Return the share of the field that does not depend on the magnetisation."""
        azimuth_rad = math.radians(self.stage[2].carriage(t_s))
        return self.emitter.even_share + self.emitter.c3_share * math.sin(3.0 * azimuth_rad)

    def _signal_V(self, t_s: float) -> float:
        """Return the detector's voltage while the chopper is open [V]."""
        odd, even = self._parts(t_s)
        if odd == 0.0 and even == 0.0:
            return 0.0
        of_odd, of_even = self.waveforms.at(self.emitter, self.humidity(t_s), self.delay_s(t_s))
        return self._probe_V * math.sin(odd * of_odd + even * of_even)

    def _slope_V_per_s(self, t_s: float) -> float:
        """Return how that voltage changes with the delay [V/s]."""
        odd, even = self._parts(t_s)
        of_odd, of_even = self.waveforms.slopes_per_s(self.emitter, self.humidity(t_s), self.delay_s(t_s))
        return self._probe_V * (odd * of_odd + even * of_even)

    # faults; each is called after everything has caught up

    def _drop_laser(self, t_s: float, for_s: float = LONG_S, remaining: float = 0.0) -> None:
        self.pump.drop_out(t_s, float(for_s), float(remaining))

    def _let_air_in(self, t_s: float, humidity: float = 0.45, time_constant_s: float = 60.0) -> None:
        self._air = (t_s, self.humidity(t_s), float(humidity), float(time_constant_s))

    def _walk_zero(self, t_s: float, step_fs: float = 0.0, fs_per_s: float = 0.0) -> None:
        self._zero_walk = _walked(self._zero_walk, t_s, float(step_fs) * 1e-15, float(fs_per_s) * 1e-15)

    def _walk_balance(self, t_s: float, step: float = 0.0, per_s: float = 0.0) -> None:
        self._balance_walk = _walked(self._balance_walk, t_s, float(step), float(per_s))

    def _let_probe(self, *, through: bool) -> None:
        self._probe_V = self._detector["probe_V"] if through else 0.0

    def _stall_delay(self, t_s: float, for_s: float = LONG_S, axis: int = 1) -> None:
        self.stage[int(axis)].stall(t_s, float(for_s))

    def _limit_delay(self, t_s: float, lower_m: float | None = None, upper_m: float | None = None) -> None:
        stage = self.stage[1]
        stage.lower = stage.lower if lower_m is None else float(lower_m)
        stage.upper = stage.upper if upper_m is None else float(upper_m)

    def _set_line(self, line: int, *, closed: bool) -> None:
        (self._open_lines.discard if closed else self._open_lines.add)(line)
        self.pump.is_enabled = 1 not in self._open_lines

    # what is, and what should be found

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what every actuator does now."""
        return {
            "magnet": {"current_set_A": self.magnet.reference_A(t_s), "current_A": self.magnet.current_A(t_s)},
            "stages": {
                "delay_m": self.stage[1].position(t_s),
                "azimuth_deg": self.stage[2].position(t_s),
                "field_angle_deg": self.stage[3].position(t_s),
            },
            "chopper": {"frequency_Hz": self.chopper.frequency_Hz(t_s), "locked": self.chopper.is_locked(t_s)},
            "shutter": {"open": self.pump.is_open(t_s)},
            "attenuator": {"attenuation_dB": self.pump.attenuation_dB(t_s)},
        }

    def truth(self, sample: str | None = None, power_W: float | None = None, **settings: Any) -> dict[str, Any]:
        """Return what a measurement on this bench should find; no instrument can ask for it.

        For the sample in the beam, or another one by its name; with the pump's power also the ``fluence``, and the odd
        part at delay 0, saturated positive magnetisation and the humidity that purging ends at, as the balanced
        detector (``peak``) and as X of a lock-in (``peak_x``) see it. Ratios are those of the odd part to Co(2)/Pt(4).
        """
        emitter = self.emitter if sample is None else (self.samples.get(sample) or load_emitter(sample))
        wavelength_m, magnetic = self.pump.wavelength_m, float(emitter.is_magnetic)
        per_fluence = emitter.field_per_fluence(wavelength_m)
        ratio = magnetic * per_fluence / self._reference.field_per_fluence(wavelength_m)
        found: dict[str, tuple[float, str]] = {
            "field_ratio": (ratio, ""),
            "ratio": (ratio, ""),
            "power_ratio": (ratio**2, ""),
            "eta": (magnetic * emitter.eta, ""),
            "absorptance": (emitter.absorptance(wavelength_m), ""),
            "impedance": (emitter.impedance_ohm, "ohm"),
            "sheet_conductance": (emitter.sheet_conductance_S, "S"),
            "even_share": (emitter.even_share, ""),
            "even": (emitter.even_share, ""),
            "c3_share": (emitter.c3_share, ""),
            "fluence_exponent": (1.0, ""),
            "saturation_fluence": (emitter.saturation_J_per_m2, "J/m**2"),
            "coercivity": (emitter.coercivity_T, "T"),
            "echo_delay": (emitter.echo_delay_s, "s"),
            "position_zero": (self._delay["zero_m"], "m"),
            "dark_noise": (self._detector["noise_V_per_rtHz"], "V/Hz**0.5"),
        }
        if emitter.conversion == "ishe":
            found["spin_diffusion_length"] = (emitter.spin_diffusion_length_m, "m")
        if power_W is not None:
            fluence = self.pump.fluence_J_per_m2(power_W)
            bent = fluence / (1.0 + fluence / emitter.saturation_J_per_m2)
            shape, _ = self.waveforms.at(emitter, self._air[2], 0.0)
            peak_V = self._detector["probe_V"] * math.sin(self._rad_per_field * magnetic * per_fluence * bent * shape)
            found |= {"fluence": (fluence, "J/m**2"), "peak": (peak_V, "V"), "peak_x": (CHOPPED_RMS * peak_V, "V")}
        return {name: {"value": value, "unit": unit} for name, (value, unit) in found.items()}


def _walked(walk: tuple[float, float, float], t_s: float, step: float, per_s: float) -> tuple[float, float, float]:
    """Return a walk that goes on from where an earlier one has come to."""
    since_s, offset, before_per_s = walk
    return t_s, offset + before_per_s * max(t_s - since_s, 0.0) + step, per_s


def load_emitter(name: str) -> Emitter:
    """Return a shipped sample by its file name, or the sample of any other file.

    Raises
    ------
    StationError
        If there is no such file, or it does not describe an emitter.
    """
    return Emitter.from_mapping(read_sample(name), name)
