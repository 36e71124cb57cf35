"""Agilent (Keysight) 33500B waveform generator that drives a current through a series resistor.

Reference: 33500 Series Operating and Service Guide, output configuration, p. 62.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument, agilent
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import LimitError
from sotlab.instruments.in_turn import in_turn
from sotlab.instruments.ramped_wave import RampedWave, RampedWaveOptions
from sotlab.units import as_typed

__all__ = ["Agilent33500B", "VoltageDrivenSource"]

#: Resistance of the output [ohm]; without load: lowest and highest peak-to-peak voltage [V].
OUTPUT_OHM, LEAST_VPP, MOST_VPP = 50.0, 2e-3, 20.0


class Agilent33500B(agilent.Agilent33500):
    """PyMeasure's Agilent33500 with all digits, the amplitudes of a high load, and the sync output."""

    frequency = Instrument.control(
        "FREQ?",
        "FREQ %.12g",
        """Control the frequency in Hz (float, strictly from 1e-6 to 30e6).""",
        validator=strict_range,
        values=[1e-6, 30e6],
    )

    amplitude = Instrument.control(
        "VOLT?",
        "VOLT %.9g",
        """Control the amplitude in the unit in use, into the load that is set (float, strictly from 0.001 to 20).""",
        validator=strict_range,
        values=[1e-3, 20],
    )

    offset = Instrument.control(
        "VOLT:OFFS?",
        "VOLT:OFFS %.9g",
        """Control the offset in V, into the load that is set (float, strictly from -10 to 10).""",
        validator=strict_range,
        values=[-10, 10],
    )

    sync_enabled = Instrument.control(
        "OUTP:SYNC?",
        "OUTP:SYNC %d",
        """Control whether the sync output is on (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    am_enabled = Instrument.control(
        "AM:STAT?",
        "AM:STAT %d",
        """Control amplitude modulation (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )


class VoltageDrivenSourceOptions(RampedWaveOptions):
    """Options of the 33500B as ``ac_source``."""

    #: Resistance between the output and what it drives [ohm], the output's own 50 ohm included.
    series_ohm: float = Option(ge=OUTPUT_OHM)
    #: Resistance of what is driven, contacts included [ohm]. The current is as well known as the sum of the two.
    load_ohm: float = Option(default=0.0, ge=0.0)


class VoltageDrivenSource(RampedWave):
    """A 33500B and a series resistor that fill the role ``ac_source``. Safe state: ramped down, output off.

    ``V_pp = 2 I_peak (series_ohm + load_ohm)`` with the output's load set to INF, so that what is set is the
    voltage without load. The sync output, at phase 0 of the sine, is the reference.
    """

    instrument_class = Agilent33500B
    identity = r"(Agilent|Keysight).*,\s*335[0-2]\d[AB]"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "amplitude_A_peak": (0.0, math.inf),
        "frequency_Hz": (1e-6, 20e6),
    }
    options_model = VoltageDrivenSourceOptions
    safe_state = "amplitude ramped down, output off"

    options: VoltageDrivenSourceOptions

    @property
    def loop_ohm(self) -> float:
        """Resistance of the whole loop [ohm]."""
        return self.options.series_ohm + self.options.load_ohm

    @property
    def least_A(self) -> float:
        """The smallest amplitude that can be set [A]."""
        return LEAST_VPP / 2.0 / self.loop_ohm

    def configure(self) -> None:
        """Set the sine; what somebody else left running is left alone until this role drives."""
        self.instrument.clear()
        self._on = bool(self.answered(lambda: self.instrument.output, "OUTP?"))
        if not self._on:
            self.set_up()
        self.raise_errors()

    def prepare(self) -> None:
        """Set shape, load, unit and sync; the output is off."""
        generator = self.instrument
        generator.burst_state = False
        generator.am_enabled = False
        generator.output_load = "INF"
        generator.amplitude_unit = "VPP"
        generator.amplitude = LEAST_VPP  # before the offset: amplitude and offset share the output's range
        generator.offset = 0.0
        generator.shape = "SIN"
        generator.phase = 0.0
        generator.sync_enabled = True

    def check(self, *, amplitude_A_peak: float | None = None, frequency_Hz: float | None = None) -> None:
        """Raise LimitError if the station, or the generator's voltage, does not allow a setting."""
        super().check(amplitude_A_peak=amplitude_A_peak, frequency_Hz=frequency_Hz)
        most_A = MOST_VPP / 2.0 / self.loop_ohm
        if amplitude_A_peak is not None and amplitude_A_peak > most_A:
            raise LimitError(
                f"{self.limits.role}: peak amplitude of {as_typed(amplitude_A_peak, 'A')} asked, the generator's 10 V"
                f" drive no more than {as_typed(most_A, 'A')} through {self.loop_ohm:g} ohm; use a smaller resistor"
                f" ([roles.{self.limits.role}.options] series_ohm in {self.limits.station})"
            )

    def send_frequency(self, frequency_Hz: float) -> None:
        """Set the frequency [Hz]."""
        self.instrument.frequency = frequency_Hz

    def send_amplitude(self, amplitude_A_peak: float) -> None:
        """Set the amplitude [A]."""
        self.instrument.amplitude = max(2.0 * amplitude_A_peak * self.loop_ohm, LEAST_VPP)

    def start(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Switch the output on at the smallest amplitude."""
        self.instrument.amplitude = LEAST_VPP
        self.instrument.frequency = frequency_Hz
        self.instrument.output = True

    def stop(self) -> None:
        """Switch the output off."""
        self.instrument.output = False

    def raise_problems(self) -> None:
        """Raise InstrumentError with what the error queue holds."""
        self.raise_errors()

    def make_safe(self) -> None:
        """Ramp the amplitude down from what the instrument has, whatever its unit, and switch off."""
        in_turn(self._ramp_down, self._switch_off)

    def _ramp_down(self) -> None:
        generator = self.instrument
        if self.answered(lambda: generator.output, "OUTP?"):
            generator.amplitude_unit = "VPP"
            start_V = self.measured(lambda: generator.amplitude, "VOLT?")
            for k in range(1, self.options.ramp_steps + 1):
                generator.amplitude = max(start_V * (1.0 - k / self.options.ramp_steps), LEAST_VPP)
                self.clock.sleep(self.options.ramp_s / self.options.ramp_steps)

    def _switch_off(self) -> None:
        self.instrument.output = False
        self._on = False
