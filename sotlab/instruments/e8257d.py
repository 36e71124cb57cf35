"""Keysight (Agilent) E8257D analog signal generator.

Reference: E8257D/67D, E8663D PSG Signal Generators SCPI Command Reference.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from pymeasure.instruments import Instrument
from pymeasure.instruments.agilent import Agilent8257D

from sotlab.instruments.driver import Driver, Options

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


class Microwave(Driver):
    """An E8257D that fills the role ``microwave``. Safe state: RF off."""

    role = "microwave"
    instrument_class = E8257D
    identity = r"E8257D"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "frequency_Hz": (250e3, 67e9),
        "power_dBm": (-135.0, 30.0),
    }
    options_model = MicrowaveOptions
    safe_state = "RF off"

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change [s]."""
        return self.options.settling_s

    def configure(self) -> None:
        """Switch modulation off: the role is a continuous wave."""
        self.instrument.clear()
        self.instrument.modulation_enabled = False
        self.raise_errors()

    def check(self, *, frequency_Hz: float | None = None, power_dBm: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting."""
        if frequency_Hz is not None:
            self.limits.check("frequency_Hz", frequency_Hz)
        if power_dBm is not None:
            self.limits.check("power_dBm", power_dBm)

    def set_frequency(self, frequency_Hz: float) -> None:
        """Set the CW frequency [Hz]."""
        self.check(frequency_Hz=frequency_Hz)
        self.instrument.frequency = frequency_Hz
        self.raise_errors()

    def set_power(self, power_dBm: float) -> None:
        """Set the level at the source's connector [dBm]."""
        self.check(power_dBm=power_dBm)
        self.instrument.power = power_dBm
        self.raise_errors()

    def set_output(self, on: bool) -> None:
        """Switch the RF output and wait until it is so."""
        self.instrument.output_enabled = on
        self.raise_errors()
        self.clock.sleep(self.settling_s)

    def make_safe(self) -> None:
        """Switch the RF output off."""
        self.instrument.output_enabled = False
