"""Keysight (Agilent) E8257D analog signal generator.

Reference: E8257D/67D, E8663D PSG Signal Generators SCPI Command Reference.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Literal

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.agilent import Agilent8257D

from sotlab.errors import LimitError
from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.levels import CurrentTable, LevelTable, LossTable, StripCurrent

__all__ = ["E8257D", "Microwave"]


class E8257D(Agilent8257D):
    """PyMeasure's Agilent8257D, with all digits: its own ``%e`` sets 9 GHz in steps of 1 kHz."""

    def __init__(self, adapter: Any, name: str = "Keysight E8257D", **kwargs: Any) -> None:
        with warnings.catch_warnings():
            # PyMeasure says that it does not know whether this model speaks SCPI; it does.
            warnings.simplefilter("ignore", FutureWarning)
            super().__init__(adapter, name, **kwargs)

    frequency = Instrument.control(":FREQ?", ":FREQ %.12E HZ", """Control the CW frequency in Hz (float).""")

    power = Instrument.control(":POW?", ":POW %.4f DBM", """Control the output level in dBm (float).""")

    output_enabled = Instrument.control(
        ":OUTP?", ":OUTP %d", """Control the RF output (bool).""", values={True: 1, False: 0}, map_values=True
    )

    modulation_enabled = Instrument.control(
        ":OUTP:MOD?", ":OUTP:MOD %d", """Control all modulation (bool).""", values={True: 1, False: 0}, map_values=True
    )


class MicrowaveOptions(Options):
    """Options of the E8257D as ``microwave``."""

    #: Time for the output to level after a change [s] (data sheet: < 11 ms for 0.1 ppm and level within 0.1 dB).
    settling_s: float = 0.02
    #: For a lock-in. "square_am" switches the carrier on and off, half of the time each, with the pulse modulator; on,
    #: it has the level that is set. "sine_am" makes its amplitude 1 + depth cos wt of that level.
    modulation: Literal["off", "square_am", "sine_am"] = "off"
    #: Frequency of the modulation, and of the reference at the LF output [Hz].
    modulation_Hz: float = Option(default=1000.0, ge=0.5, le=1e6)
    #: Depth of "sine_am", 1 for 100 %.
    depth: float = Option(default=1.0, gt=0.0, le=1.0)
    #: Amplitude of the reference at the LF output [V peak].
    reference_V_peak: float = Option(default=1.0, gt=0.0, le=3.5)


class Microwave(Driver):
    """An E8257D that fills the role ``microwave``. Safe state: RF off, and the reference of the modulation off.

    The power is that of the carrier without modulation. ``power_dBm`` limits the crest: with "sine_am" it lies
    ``20 log10(1 + depth)`` above the carrier, 6 dB at full depth; "square_am" never exceeds it.

    With a modulation the LF output carries the internal modulation source as reference, from the first time that the RF
    is switched on until it is made safe, so that a lock-in stays locked while the RF is off. That it monitors the
    source of the pulse modulation, too, is unverified on hardware; the pulse sync output is the other way.
    """

    role = "microwave"
    instrument_class = E8257D
    identity = r"E8257D"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "frequency_Hz": (250e3, 67e9),
        "power_dBm": (-135.0, 30.0),
    }
    options_model = MicrowaveOptions
    calibrated_by = frozenset({"source_level", "cable_loss", "rf_current", "rf_current_vna"})
    safe_state = "RF off"

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change [s]."""
        return self.options.settling_s

    @property
    def crest_dB(self) -> float:
        """By how much the modulation's crest exceeds the carrier's level [dB]."""
        return 20.0 * math.log10(1.0 + self.options.depth) if self.options.modulation == "sine_am" else 0.0

    def configure(self) -> None:
        """Set the modulation that the station asks for, or a continuous wave; nothing is switched on."""
        source, options = self.instrument, self.options
        source.clear()
        if options.modulation == "off":
            source.modulation_enabled = False
            self.raise_errors()
            return
        if self.answered(lambda: source.output_enabled, "OUTP?") and self.crest_dB > 0.0:
            self.check(power_dBm=self.measured(lambda: source.power, "POW?"))  # it is about to have a crest
        source.modulation_enabled = False
        source.internal_frequency = options.modulation_Hz
        source.amplitude_source = "internal"
        source.low_freq_out_source = "internal"
        source.low_freq_out_amplitude = options.reference_V_peak
        if options.modulation == "square_am":
            source.disable_amplitude_modulation()
            source.pulse_source = "internal"
            source.pulse_input = "square"
            source.pulse_frequency = options.modulation_Hz
            source.enable_pulse_modulation()
        else:
            source.disable_pulse_modulation()
            source.internal_shape = "sine"
            source.amplitude_depth = 100.0 * options.depth
            source.enable_amplitude_modulation()
        source.modulation_enabled = True
        self.raise_errors()

    def check(self, *, frequency_Hz: float | None = None, power_dBm: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting, or the crest that the modulation makes of it."""
        if frequency_Hz is not None:
            self.limits.check("frequency_Hz", frequency_Hz)
        if power_dBm is not None:
            self.limits.check("power_dBm", power_dBm)
            highest_dBm = self.limits.ranges["power_dBm"][1]
            if power_dBm + self.crest_dB > highest_dBm:
                raise LimitError(
                    f"{self.limits.role}: power of {power_dBm:g} dBm asked, its modulation of depth"
                    f" {self.options.depth:g} has crests {self.crest_dB:.2f} dB above, allowed up to"
                    f" {highest_dBm:g} dBm"
                    f" ({self.limits.station}, [roles.{self.limits.role}.limits] power_dBm); nothing was sent. Ask for"
                    f" {highest_dBm - self.crest_dB:.2f} dBm at most"
                )

    def set_frequency(self, frequency_Hz: float) -> None:
        """Set the CW frequency [Hz]."""
        self.check(frequency_Hz=frequency_Hz)
        self.instrument.frequency = frequency_Hz
        self.raise_errors()

    def set_power(self, power_dBm: float) -> None:
        """Set the level of the unmodulated carrier at the source's connector [dBm]."""
        self.check(power_dBm=power_dBm)
        self.instrument.power = power_dBm
        self.raise_errors()

    def use_calibrations(self) -> None:
        """Take the level; it does not change what is set, it says what arrives."""
        level, loss = self.calibrations.get("source_level"), self.calibrations.get("cable_loss")
        self._level = None if level is None else LevelTable.from_calibration(level)
        self._loss = None if loss is None else LossTable.from_calibration(loss)
        current = self.calibrations.get("rf_current") or self.calibrations.get("rf_current_vna")
        self._current = None if current is None else CurrentTable.from_calibration(current)

    def calibrated_level(self, frequency_Hz: float, power_dBm: float) -> tuple[float, float] | None:
        """Return what arrives behind the cable at a setting [dBm], and its sigma [dB]; None without ``source_level``.

        ``level = set power + correction - loss``: the correction of ``source_level``, which holds at the plane where
        that was measured, and the loss from there on of ``cable_loss``, if there is one.

        Raises
        ------
        StationError
            Outside what was calibrated.
        """
        if self._level is None:
            return None
        correction_dB, sigma_dB = self._level.level_dB(frequency_Hz, power_dBm)
        loss_dB, loss_sigma_dB = (0.0, 0.0) if self._loss is None else self._loss.loss_dB(frequency_Hz)
        return power_dBm + correction_dB - loss_dB, math.hypot(sigma_dB, loss_sigma_dB)

    def calibrated_current(self, frequency_Hz: float, power_dBm: float, sample: str) -> StripCurrent | None:
        """Return the peak current in a sample with its sigmas; None if it is not calibrated there.

        By ``rf_current``, which measures it in the strip; without that by ``rf_current_vna``. A calibration is of one
        sample, of the frequencies at which it was made (between them the level ripples) and of a range of powers.
        """
        return None if self._current is None else self._current.current_A(frequency_Hz, power_dBm, sample)

    def set_output(self, on: bool) -> None:
        """Switch the RF output and wait until it is so; the reference for a lock-in goes on with it, and stays."""
        if on and self.options.modulation != "off":
            self.instrument.enable_low_freq_out()
        self.instrument.output_enabled = on
        self.raise_errors()
        self.clock.sleep(self.settling_s)

    def make_safe(self) -> None:
        """Switch the RF output off, and then the reference."""
        try:
            self.instrument.output_enabled = False
        finally:
            if self.options.modulation != "off":
                self.instrument.disable_low_freq_out()
