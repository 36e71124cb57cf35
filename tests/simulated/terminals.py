"""A stub bench: nothing but what the terminals of each instrument need, for tests of drivers.

No sample and no experiment: each instrument has an honest thing of its own at its terminals, and what belongs together
physically is together. The sources each feed a resistor; both kinds of lock-in look at the resistor of the waveform
generator, whose sync output is their external reference; shutter and attenuator stand in the beam that the power meter
sees. Everything random is left out, whatever the lab's noise option says, but the lock-ins' own noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Bench, Streams, section
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.network import Network, NetworkSpec
from sotlab.simulated.physics.optics import Chopper, PowerSensor, PumpLaser
from sotlab.simulated.physics.superconducting import SuperconductingMagnet
from sotlab.simulated.physics.transport import SourcedStrip, Strip, Waveform

__all__ = ["DEFAULTS", "Terminals"]

#: What the ``lab:`` section of a bench file may say, with what holds where it says nothing.
DEFAULTS: dict[str, dict[str, float]] = {
    "resistor": {"resistance_ohm": 100.0, "contact_ohm": 5.0},
    "magnet": {"coil_T_per_A": 0.1, "current_limit_A": 60.0, "inductance_H": 10.0, "heat_s": 15.0, "cool_s": 20.0},
    "beam": {"power_W": 0.4, "wavelength_m": 800e-9, "dark_W": 1e-6},
    "rf": {"power_W": 1e-3, "frequency_Hz": 10e9},
}

_MUST_BE_POSITIVE = (
    "resistance_ohm",
    "coil_T_per_A",
    "current_limit_A",
    "inductance_H",
    "wavelength_m",
    "frequency_Hz",
)

#: A resistor takes any current that a source can give: it dies at a million times a film's current density [A/m^2].
_UNBREAKABLE_A_PER_M2 = 5e17
#: Samples of one period from which the harmonics of a wave are taken.
_SAMPLES = 1024


class Beam(PumpLaser):
    """The laser's beam behind a shutter and an attenuator whose wheel takes its time."""

    is_open = True

    def __init__(self, power_W: float, wavelength_m: float) -> None:
        super().__init__(power_W, wavelength_m)
        self._wheel = (0.0, 0.0, 0.0, math.inf)

    def attenuate(self, start_dB: float, stop_dB: float, start_s: float, speed_dB_per_s: float) -> None:
        """Let the wheel move from ``start_dB`` straight to ``stop_dB``, beginning at ``start_s``."""
        self._wheel = start_dB, stop_dB, start_s, speed_dB_per_s

    def attenuation_dB(self, t_s: float) -> float:
        """Return what the wheel takes away [dB]."""
        start_dB, stop_dB, start_s, speed_dB_per_s = self._wheel
        way_dB = stop_dB - start_dB
        if math.isinf(speed_dB_per_s):
            return stop_dB
        return start_dB + math.copysign(min(speed_dB_per_s * (t_s - start_s), abs(way_dB)), way_dB)

    def power_W(self, t_s: float) -> float:
        """Return the mean power behind both [W]."""
        return super().power_W(t_s) * 10 ** (-self.attenuation_dB(t_s) / 10) if self.is_open else 0.0


@lru_cache(maxsize=64)
def harmonic_rms(wave: Waveform, harmonic: int) -> complex:
    """Return the rms phasor of a harmonic of a wave, relative to the start of its period as the sync output marks it.

    ``V_n = sqrt(2) <w(t) exp(-i 2 pi n f t)> i``, so that ``A sin(2 pi f t)`` gives ``A / sqrt(2)``, real.
    """
    turns = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    origin_s = wave.start_s if math.isfinite(wave.start_s) else 0.0
    values = np.array([wave.value(origin_s + one / wave.frequency_Hz) for one in turns.tolist()])
    return complex(math.sqrt(2.0) * 1j * np.mean(values * np.exp(-2j * np.pi * harmonic * turns)))


class Terminals(Bench):
    """Something at the terminals of every instrument.

    Parameters
    ----------
    lab : mapping
        The bench's section of the bench file: the sections of :data:`DEFAULTS`.
    streams : callable
        Not used: nothing here is random.
    noise : bool
        Not used.

    Raises
    ------
    StationError
        If the section has an unknown key, or a value that is no number or not allowed.
    """

    def __init__(self, lab: Mapping[str, Any], streams: Streams, noise: bool) -> None:
        super().__init__()
        if unknown := sorted(set(lab) - set(DEFAULTS)):
            raise StationError(f"lab section: unknown key '{unknown[0]}'; known are {', '.join(DEFAULTS)}")
        resistor, magnet, beam, rf = (
            section(lab, name, defaults, positive=_MUST_BE_POSITIVE) for name, defaults in DEFAULTS.items()
        )
        self.sc_magnet = SuperconductingMagnet(
            magnet["coil_T_per_A"],
            magnet["current_limit_A"],
            magnet["inductance_H"],
            magnet["heat_s"],
            magnet["cool_s"],
        )
        self.cryostat = Cryostat(
            {1: HeatedStage(4.0, 0.1, 10.0), 2: HeatedStage(20.0, 0.5, 100.0, start_K=20.0)},
            {"A": Sensor(1), "B": Sensor(1, lag_s=5.0), "C": Sensor(2)},
        )
        self.stage = {
            1: Axis(-0.1, 0.1, window=2e-7, resolution=1e-7, backlash=4e-6),
            2: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4),
            3: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4),
        }
        self.chopper = Chopper()
        self.beam = Beam(beam["power_W"], beam["wavelength_m"])
        self.pump_sensor = PowerSensor(self.beam, beam["dark_W"])
        self.network = Network(NetworkSpec())
        self.sensor_frequency_Hz, self._rf_W = rf["frequency_Hz"], rf["power_W"]
        self._strip = Strip(**resistor, most_A_per_m2=_UNBREAKABLE_A_PER_M2)
        self._loads: dict[str, SourcedStrip] = {}
        self._generated: Waveform | None = None  # voltage of the waveform generator across its resistor
        self._sine_Hz: dict[str, float] = {}  # of the lock-ins' own oscillators, by input
        self.told: dict[str, dict[Any, Any]] = {}  # what relays, auxiliary outputs and the phase marker were last told

    # sources, each with a resistor of its own

    def load(self, name: str) -> SourcedStrip:
        """Return the resistor at a source."""
        return self._loads.setdefault(name, SourcedStrip(self._strip))

    def drive_current(self, name: str, t_s: float, current_A: float, limit_V: float) -> None:
        """Force a current."""
        self.load(name).drive_current(t_s, current_A, limit_V)

    def drive_voltage(self, name: str, t_s: float, voltage_V: float, limit_A: float) -> None:
        """Force a voltage."""
        self.load(name).drive_voltage(t_s, voltage_V, limit_A)

    def drive_current_wave(self, name: str, t_s: float, wave: Waveform, limit_V: float) -> None:
        """Force a current that changes in time."""
        self.load(name).drive_current_wave(t_s, wave, limit_V)

    def drive_voltage_wave(self, name: str, t_s: float, wave: Waveform, output_ohm: float) -> None:
        """Apply a voltage that changes in time; the lock-ins see what of it falls across the resistor."""
        self.load(name).drive_voltage_wave(t_s, wave, output_ohm)
        total_ohm = self._strip.resistance_ohm + 2.0 * self._strip.contact_ohm + output_ohm
        self._generated = wave.scaled(self._strip.resistance_ohm / total_ohm) if wave.frequency_Hz > 0.0 else None

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        """Return the mean voltage over a window [V]."""
        return self.load(name).voltage_V(start_s, stop_s, four_wires=four_wires)

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean current over a window [A]."""
        return self.load(name).current_A(start_s, stop_s)

    def in_compliance(self, name: str, t_s: float) -> bool:
        """Return whether the source stands at its limit."""
        return self.load(name).in_compliance(t_s)

    def mean_voltage_V(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean voltage across the current source's resistor over a window [V]."""
        return self.load("ac_source").voltage_V(start_s, stop_s, four_wires=True)

    def voltmeter_V(self, name: str, start_s: float, stop_s: float, density_V_per_rtHz: float) -> float:
        """Return the same: the meter is quiet."""
        return self.mean_voltage_V(name, start_s, stop_s)

    def mark_phase(self, name: str, t_s: float, wave: Waveform | None, phase_deg: float, line: int) -> None:
        """Keep what goes out as phase marker; nothing is connected to it."""
        self._tell("mark_phase", name, None if wave is None else (wave.frequency_Hz, phase_deg, line))

    # lock-ins

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        """Return the rms phasor of the generator's voltage, 0 where the lock-in detects at another frequency [V].

        A lock-in on its own oscillator sees it only if that has the generator's frequency; it then stands in phase.
        """
        wave = self._generated
        if wave is None or wave.peak == 0.0:
            return 0j
        own_Hz = self._sine_Hz.get(name, wave.frequency_Hz)
        return harmonic_rms(wave, harmonic) if math.isclose(own_Hz, wave.frequency_Hz, rel_tol=1e-6) else 0j

    def lockin_noise(self, name: str) -> float:
        """Return 0: a resistor of 100 ohm is quiet beside the amplifiers."""
        return 0.0

    def lockin_reference(self, name: str, t_s: float) -> float | None:
        """Return the frequency of the generator's sync output [Hz], None while it gives nothing out."""
        return None if self._generated is None else self._generated.frequency_Hz

    def sine_out(self, name: str, t_s: float, frequency_Hz: float, amplitude_V_rms: float) -> None:
        """Keep at which frequency a lock-in's reference is; its sine output feeds its auxiliary inputs' cables only."""
        self._sine_Hz[name] = frequency_Hz

    def aux_out(self, name: str, t_s: float, channel: int, volts: float) -> None:
        """Connect an auxiliary output to the input of the same number."""
        self._tell("aux_out", (name, channel), volts)

    def aux_in(self, name: str, t_s: float, channel: int) -> float:
        """Return what the auxiliary output of the same number gives [V]."""
        return self.told.get("aux_out", {}).get((name, channel), 0.0)

    # light, microwave, relays, interlock

    def set_shutter(self, name: str, is_open: bool) -> None:
        """Open or close the shutter in the beam."""
        self.beam.is_open = is_open

    def set_attenuation(
        self, name: str, start_dB: float, stop_dB: float, start_s: float, speed_dB_per_s: float
    ) -> None:
        """Move the attenuator in the beam."""
        self.beam.attenuate(start_dB, stop_dB, start_s, speed_dB_per_s)

    def sensor_power_W(self, time_s: float) -> float:
        """Return the constant microwave power at the power meter's sensor [W]."""
        return self._rf_W

    def switched(self, name: str, closed: list[int]) -> None:
        """Keep which relays are closed."""
        self._tell("switched", name, closed)

    def humidity(self, t_s: float) -> float:
        """Return the relative humidity, a part of 1."""
        return 0.4

    def air_temperature_K(self, t_s: float) -> float:
        """Return the temperature of the air [K]."""
        return 295.15

    def interlock_closed(self, line: int) -> bool:
        """Return True: every door is shut."""
        return True

    def _tell(self, what: str, key: Any, value: Any) -> None:
        self.told.setdefault(what, {})[key] = value

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what sources, magnet, stages, chopper and beam do now."""
        return {
            "magnet": {"current_A": self.sc_magnet.current_A(t_s), "field_T": self.sc_magnet.field_T(t_s)},
            "stages": {str(number): axis.position(t_s) for number, axis in self.stage.items()},
            "chopper": {"frequency_Hz": self.chopper.frequency_Hz(t_s)},
            "beam": {"open": self.beam.is_open, "attenuation_dB": self.beam.attenuation_dB(t_s)},
            "sources": {name: {"current_A": load.current_A(t_s, t_s + 1e-9)} for name, load in self._loads.items()},
        }
