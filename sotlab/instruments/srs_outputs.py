"""The outputs of the SR830 and the SR865A: an auxiliary output as ``voltage_out``, the sine output as ``ac_source``.

They share the instrument, and its one connection, with the role ``lockin``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from pydantic import Field as Option

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.driver import Options
from sotlab.instruments.sr830 import SR830
from sotlab.instruments.sr865a import SR865A
from sotlab.instruments.srs_lockin import SRSDriver

__all__ = ["SR830AuxOut", "SR830Sine", "SR865AAuxOut", "SR865ASine"]

#: Making safe takes no longer than this, however slowly the output may move [s].
SAFE_WITHIN_S = 30.0
#: Time between two steps of an output that moves slowly [s].
STEP_S = 0.1


class AuxOutOptions(Options):
    """Options of an auxiliary output as ``voltage_out``."""

    #: Which of the outputs AUX OUT 1 to 4.
    output: int = Option(default=1, ge=1, le=4)
    #: How fast the output may move [V/s]; at once if None. State it where the output drives a magnet's supply, so that
    #: making safe is a ramp too, and not slower than the magnet's own rate, whose steps would take longer.
    ramp_V_per_s: float | None = Option(default=None, gt=0.0)


class SR830AuxOut(SRSDriver):
    """An auxiliary output of an SR830 that fills the role ``voltage_out``, in steps of 1 mV. Safe state: 0 V."""

    role = "voltage_out"
    instrument_class: ClassVar[Callable[..., SR830 | SR865A]] = SR830
    identity = r"Stanford_Research_Systems,SR830"
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"voltage_V": (-10.5, 10.5)}
    options_model = AuxOutOptions
    safe_state = "0 V"
    harmless: ClassVar[frozenset[str]] = frozenset({"read_setpoint"})

    def configure(self) -> None:
        """Leave the output as it is; what went wrong before is not ours."""
        self.instrument.ask("*ESR?")

    @property
    def _name(self) -> str:
        return f"aux_out_{self.options.output}"

    def check(self, voltage_V: float) -> None:
        """Raise LimitError if the station does not allow it."""
        self.limits.check("voltage_V", voltage_V)

    def set_voltage(self, voltage_V: float) -> None:
        """Set the output [V], by steps if it may only move slowly."""
        self.check(voltage_V)
        self._move(voltage_V, self.options.ramp_V_per_s)

    def read_setpoint(self) -> float:
        """Return the voltage that the output is set to [V]."""
        return self.measured(lambda: getattr(self.instrument, self._name), f"AUXV? {self.options.output}")

    def make_safe(self) -> None:
        """Bring the output to 0 V; at most 30 s however slowly it may move."""
        rate_V_per_s = self.options.ramp_V_per_s
        if rate_V_per_s is not None:
            rate_V_per_s = max(rate_V_per_s, abs(self.read_setpoint()) / SAFE_WITHIN_S)
        self._move(0.0, rate_V_per_s)

    def _move(self, voltage_V: float, rate_V_per_s: float | None) -> None:
        if rate_V_per_s is not None:
            start_V = self.read_setpoint()
            steps = math.ceil(abs(voltage_V - start_V) / (rate_V_per_s * STEP_S) - 1e-9)
            for k in range(1, steps):
                self.send(**{self._name: start_V + (voltage_V - start_V) * k / steps})
                self.clock.sleep(STEP_S)
        self.send(**{self._name: voltage_V})


class SR865AAuxOut(SR830AuxOut):
    """An auxiliary output of an SR865A that fills the role ``voltage_out``. Safe state: 0 V."""

    instrument_class = SR865A
    identity = r"Stanford_Research_Systems,SR86[05]A?"


class SineOptions(Options):
    """Options of a lock-in's sine output as ``ac_source``."""

    #: Resistance between the output and what it drives [ohm], the output's own 50 ohm included.
    series_ohm: float = Option(gt=0.0)
    #: Resistance of what is driven [ohm].
    load_ohm: float = Option(default=0.0, ge=0.0)


class SR830Sine(SRSDriver):
    """The sine output of an SR830 through a series resistor, that fills the role ``ac_source``.

    The peak current is ``sqrt(2) SLVL / (series_ohm + load_ohm)``, with SLVL in V rms. The output cannot be switched
    off: its safe state is its minimum of 4 mV. The lock-in's reference must be internal.
    """

    role = "ac_source"
    instrument_class: ClassVar[Callable[..., SR830 | SR865A]] = SR830
    identity = r"Stanford_Research_Systems,SR830"
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "amplitude_A_peak": (0.0, math.inf),
        "frequency_Hz": (0.001, 102e3),
    }
    options_model = SineOptions
    safe_state = "sine output at its minimum, 4 mV rms"

    #: Lowest and highest amplitude of the output, and its steps [V rms].
    SINE_V: ClassVar[tuple[float, float]] = (0.004, 5.0)
    STEP_V: ClassVar[float] = 0.002
    INTERNAL: ClassVar[str] = "Internal"
    #: By how much the steps of the output may change the amplitude that was asked.
    TOLERANCE: ClassVar[float] = 0.01
    #: Time for the output to follow (unverified) [s].
    SETTLING_S: ClassVar[float] = 0.05

    _sine_V: float | None = None
    _on = False

    def configure(self) -> None:
        """Take over the output as it is."""
        self.instrument.ask("*ESR?")
        present_V = self.measured(lambda: self.instrument.sine_voltage, "SLVL?")
        self._on = present_V > self.SINE_V[0]
        self._sine_V = present_V if self._on else None

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change [s]."""
        return self.SETTLING_S

    def check(self, *, amplitude_A_peak: float | None = None, frequency_Hz: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting, or the output cannot make it."""
        if frequency_Hz is not None:
            self.limits.check("frequency_Hz", frequency_Hz)
        if amplitude_A_peak is not None:
            self._volts(amplitude_A_peak)

    def set_wave(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Set frequency [Hz] and peak amplitude [A] of the sine."""
        self.check(frequency_Hz=frequency_Hz)
        sine_V = self._volts(amplitude_A_peak)
        self._look_for_reference()
        if self._on:
            self.send(sine_voltage=sine_V, frequency=frequency_Hz)
        else:
            self.send(frequency=frequency_Hz)
        self._sine_V = sine_V

    def set_output(self, on: bool) -> None:
        """Put the wave out, or take it to the output's minimum; the reference runs on."""
        if on:
            if self._sine_V is None:
                raise InstrumentError(f"{self.who}: no wave was set; set frequency and amplitude before the output")
            self._look_for_reference()
        self.send(sine_voltage=self._sine_V if on else self.SINE_V[0])
        self._on = on
        self.clock.sleep(self.settling_s)

    def make_safe(self) -> None:
        """Take the output to its minimum."""
        self._on = False
        self.send(sine_voltage=self.SINE_V[0])

    def _volts(self, amplitude_A_peak: float) -> float:
        """Return the amplitude of the output for a peak current [V rms]: this is where peak becomes rms."""
        self.limits.check("amplitude_A_peak", amplitude_A_peak)
        ohm = self.options.series_ohm + self.options.load_ohm
        asked_V = amplitude_A_peak * ohm / math.sqrt(2.0)
        found_V = round(asked_V / self.STEP_V) * self.STEP_V if self.STEP_V else asked_V
        low_V, high_V = self.SINE_V
        if not (low_V <= found_V <= high_V and abs(found_V - asked_V) <= self.TOLERANCE * asked_V):
            lowest_A, highest_A = (math.sqrt(2.0) * volts / ohm for volts in self.SINE_V)
            raise LimitError(
                f"{self.who}: {amplitude_A_peak:g} A peak through {ohm:g} ohm asked, that is {asked_V:.4g} V rms; the"
                f" output has {low_V:g} to {high_V:g} V in steps of {self.STEP_V:g} V: {lowest_A:.4g} to"
                f" {highest_A:.4g} A peak; nothing was sent. Change series_ohm or the amplitude"
            )
        return found_V

    def _look_for_reference(self) -> None:
        source = self.answered(lambda: self.instrument.reference_source, "reference source?")
        if source != self.INTERNAL:
            raise InstrumentError(
                f"{self.who}: the reference is external, so the sine output follows that; set reference = 'internal' in"
                f" the options of this instrument's role lockin"
            )


class SR865ASine(SR830Sine):
    """The sine output of an SR865A through a series resistor, that fills the role ``ac_source``. Safe state: 0 V."""

    instrument_class = SR865A
    identity = r"Stanford_Research_Systems,SR86[05]A?"
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "amplitude_A_peak": (0.0, math.inf),
        "frequency_Hz": (0.001, 4e6),
    }
    safe_state = "sine output at 0 V"
    SINE_V = (0.0, 2.0)
    STEP_V = 0.0
    INTERNAL = "INT"
