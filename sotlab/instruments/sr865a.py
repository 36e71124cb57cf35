"""Stanford Research Systems SR865A lock-in amplifier, up to 4 MHz.

Reference: SR865A manual, chapter 4 (programming). The manual was not at hand: commands that PyMeasure's SR860 has not
(LIAS, CAPTURE...) are as several programs send them, and unverified on hardware.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Option
from pydantic import model_validator
from pymeasure.instruments import Instrument
from pymeasure.instruments.srs import SR860
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.srs_lockin import LockinOptions, SRSLockin, step_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SR865A", "Lockin", "SR865AOptions"]

#: Most that the capture buffer holds, and most that is sent at once [kB].
CAPTURE_KB, BLOCK_KB = 4096, 64
#: Bytes of a sample of X and Y.
SAMPLE_BYTES = 8


class SR865A(SR860):
    """PyMeasure's SR860, to 4 MHz, with status, error and capture commands and with what it errs in set right.

    Set right: ``filter_advanced`` and ``reference_externalinput`` (misspelt commands), ``harmonic`` 99, names that were
    mapped beyond the instrument's table, and values beyond a range, which are refused rather than clipped.
    """

    frequency = Instrument.control(
        "FREQ?",
        "FREQ %.9e",
        """Control the frequency of the internal reference in Hz (float).""",
        validator=strict_range,
        values=[0.001, 4e6],
    )

    external_frequency = Instrument.measurement("FREQEXT?", """Measure the external reference's frequency in Hz.""")

    phase = Instrument.control(
        "PHAS?",
        "PHAS %.7f",
        """Control the phase of the reference in degrees (float).""",
        validator=strict_range,
        values=[-360000, 360000],
    )

    harmonic = Instrument.control(
        "HARM?",
        "HARM %d",
        """Control the harmonic that is detected (int).""",
        validator=strict_discrete_set,
        values=range(1, 100),
        cast=int,
    )

    sine_voltage = Instrument.control(
        "SLVL?",
        "SLVL %.9e",
        """Control the amplitude of the sine output in V rms, 0 to 2 (float).""",
        validator=strict_range,
        values=[0, 2],
    )

    sensitivity = Instrument.control(
        "SCAL?",
        "SCAL %d",
        """Control the full scale of the outputs in V rms, or in uA rms at a current input (float).""",
        validator=strict_discrete_set,
        values=SR860.SENSITIVITIES,
        map_values=True,
    )

    time_constant = Instrument.control(
        "OFLT?",
        "OFLT %d",
        """Control the time constant in s (float).""",
        validator=strict_discrete_set,
        values=SR860.TIME_CONSTANTS,
        map_values=True,
    )

    filter_slope_dB = Instrument.control(
        "OFSL?",
        "OFSL %d",
        """Control the slope of the filter in dB per octave, one of 6, 12, 18, 24 (int).""",
        validator=strict_discrete_set,
        values=[6, 12, 18, 24],
        map_values=True,
    )

    filter_advanced = Instrument.control(
        "ADVFILT?",
        "ADVFILT %d",
        """Control the advanced filter, 'Off' or 'On' (str).""",
        validator=strict_discrete_set,
        values=SR860.INPUT_FILTER,
        map_values=True,
    )

    reference_externalinput = Instrument.control(
        "REFZ?",
        "REFZ %d",
        """Control the impedance of the reference input, '50OHMS' or '1MEG' (str).""",
        validator=strict_discrete_set,
        values=SR860.INPUT_REFERENCEEXTERNALINPUT,
        map_values=True,
    )

    reference_triggermode = Instrument.control(
        "RTRG?",
        "RTRG %d",
        """Control what the external reference is taken at, 'SIN', 'POS' or 'NEG' (str).""",
        validator=strict_discrete_set,
        values=["SIN", "POS", "NEG"],
        map_values=True,
    )

    input_signal = Instrument.control(
        "IVMD?",
        "IVMD %d",
        """Control what is measured, 'VOLT' or 'CURR' (str).""",
        validator=strict_discrete_set,
        values=["VOLT", "CURR"],
        map_values=True,
    )

    lia_status = Instrument.measurement(
        "LIAS?",
        """Get and clear the lock-in's status word of 16 bit: 0 and 1 output overload of CH1 and CH2, 3 reference
        unlocked, 4 input overload, 7 data storage triggered (int).""",
        cast=int,
    )

    event_status = Instrument.measurement("*ESR?", """Get and clear the standard event status (int).""", cast=int)

    capture_length = Instrument.control(
        "CAPTURELEN?",
        "CAPTURELEN %d",
        """Control the length of the capture buffer in kB, even, 2 to 4096 (int).""",
        validator=strict_discrete_set,
        values=range(2, CAPTURE_KB + 1, 2),
        cast=int,
    )

    capture_config = Instrument.control(
        "CAPTURECFG?",
        "CAPTURECFG %d",
        """Control what is captured, one of 'X', 'XY', 'RT', 'XYRT' (str).""",
        validator=strict_discrete_set,
        values=["X", "XY", "RT", "XYRT"],
        map_values=True,
    )

    capture_rate_max = Instrument.measurement(
        "CAPTURERATEMAX?", """Get the fastest capture rate at this time constant in Hz (float)."""
    )

    capture_rate = Instrument.measurement("CAPTURERATE?", """Get the capture rate in Hz (float).""")

    capture_rate_divider = Instrument.setting(
        "CAPTURERATE %d",
        """Set the power of two by which the capture rate is below the fastest, 0 to 20 (int).""",
        validator=strict_discrete_set,
        values=range(21),
    )

    capture_bytes = Instrument.measurement("CAPTUREBYTES?", """Get how many bytes are captured (int).""", cast=int)

    capture_status = Instrument.measurement(
        "CAPTURESTAT?", """Get 1 for capturing, 2 for triggered and 4 for full, added up (int).""", cast=int
    )

    def clear(self) -> None:
        """Clear the status words."""
        self.write("*CLS")

    def start_capture(self, *, continuous: bool = False, trigger: str = "IMM") -> None:
        """Start to capture: once or round and round, at once ('IMM'), at a trigger, or a sample for each ('SAMP')."""
        trigger = strict_discrete_set(trigger, ["IMM", "TRIG", "SAMP"])
        self.write(f"CAPTURESTART {'CONT' if continuous else 'ONE'}, {trigger}")

    def stop_capture(self) -> None:
        """Stop to capture; only then can samples be read."""
        self.write("CAPTURESTOP")

    def get_capture(self, offset_kB: int, length_kB: int) -> NDArray[np.float32]:
        """Get up to 64 kB of captured samples as floats; the block ends without a terminator."""
        self.write(f"CAPTUREGET? {offset_kB},{strict_range(length_kB, [1, BLOCK_KB])}")
        head = self.read_bytes(2)
        if head[:1] != b"#" or not head[1:].isdigit() or head == b"#0":
            raise ValueError(f"the reply begins with {head!r}, not with a block")
        return np.frombuffer(self.read_bytes(int(self.read_bytes(int(head[1:])))), dtype="<f4")

    def shutdown(self) -> None:
        """Take the sine output and the auxiliary outputs to 0 V."""
        self.sine_voltage = 0.0
        for number in range(1, 5):
            setattr(self, f"aux_out_{number}", 0.0)
        super().shutdown()


class SR865AOptions(LockinOptions):
    """Options of the SR865A as ``lockin``."""

    TIME_CONSTANTS_S = tuple(SR865A.TIME_CONSTANTS)
    SENSITIVITIES_V = tuple(SR865A.SENSITIVITIES)

    harmonic: int = Option(default=1, ge=1, le=99)
    #: Range of the voltage input [V peak].
    input_range_V: float = Option(default=1.0, gt=0.0)
    #: Impedance of the reference input.
    reference_input: Literal["50 ohm", "1 Mohm"] = "1 Mohm"

    @model_validator(mode="after")
    def _only_ranges(self) -> SR865AOptions:
        step_in(RANGES, self.input_range_V, "input_range_V")
        return self


#: How PyMeasure names what the options name.
RANGES = dict(zip((1.0, 0.3, 0.1, 0.03, 0.01), SR865A.INPUT_RANGE, strict=True))
EDGES = {"sine": "SIN", "rising": "POS", "falling": "NEG"}


class Lockin(SRSLockin):
    """An SR865A that fills the role ``lockin``. A recording holds up to 524288 samples of X and Y.

    Its advanced filter is switched off, so that the settling time is that of the RC cascade.
    """

    instrument_class = SR865A
    identity = r"Stanford_Research_Systems,SR86[05]A?"
    options_model = SR865AOptions
    highest_harmonic = 99
    most_samples = CAPTURE_KB * 1024 // SAMPLE_BYTES
    spoils: ClassVar[dict[int, str]] = {
        1: "the output X has overloaded (raise the sensitivity)",
        2: "the output Y has overloaded (raise the sensitivity)",
        8: "the reference was not locked (check the reference's cable, level and edge)",
        16: "the input has overloaded (raise input_range_V, or attenuate)",
    }
    overloads = 1 | 2
    input_overload = 16

    def apply_reference(self) -> None:
        """Send where the reference comes from."""
        options, lockin = self.options, self.instrument
        lockin.reference_source = "EXT" if options.reference == "external" else "INT"
        lockin.reference_triggermode = EDGES[options.reference_edge]
        lockin.reference_externalinput = "50OHMS" if options.reference_input == "50 ohm" else "1MEG"

    def synchronise(self) -> None:
        """Send whether the synchronous filter is wanted."""
        self.instrument.filter_synchronous = "On" if self.options.synchronous else "Off"

    def apply_input(self) -> None:
        """Send what is connected and how it is filtered."""
        options, lockin = self.options, self.instrument
        lockin.input_signal = "CURR" if options.is_current else "VOLT"
        if options.is_current:
            lockin.input_current_gain = "1MEG" if options.input == "current_1M" else "100MEG"
        else:
            lockin.input_voltage_mode = options.input
            lockin.input_range = RANGES[step_in(RANGES, options.input_range_V, "input_range_V")]
        lockin.filter_slope_dB = options.slope_dB
        lockin.filter_advanced = "Off"

    def slope_dB(self) -> int:
        """Return the slope that is set [dB/octave]."""
        return int(self.measured(lambda: self.instrument.filter_slope_dB, "OFSL?"))

    def reference_Hz(self) -> float:
        """Return the frequency of the reference, external or internal [Hz]."""
        external = self.options.reference == "external"
        return self.measured(
            lambda: self.instrument.external_frequency if external else self.instrument.frequency, "FREQ?"
        )

    def recording_rate_Hz(self, rate_Hz: float) -> float:
        """Return the slowest capture that is as fast, 2^-n of the fastest at the time constant [Hz]."""
        fastest_Hz, divider = self._divided(rate_Hz)
        return fastest_Hz / 2**divider

    def _divided(self, rate_Hz: float) -> tuple[float, int]:
        fastest_Hz = self.measured(lambda: self.instrument.capture_rate_max, "CAPTURERATEMAX?")
        if not 0.0 < rate_Hz <= fastest_Hz * (1 + 1e-6):
            raise LimitError(
                f"{self.who}: {rate_Hz:g} samples a second asked, the most at this time constant is {fastest_Hz:g}"
            )
        return fastest_Hz, min(int(math.log2(fastest_Hz / rate_Hz) + 1e-6), 20)

    def begin(self, rate_Hz: float, samples: int, aux: int | None) -> float:
        """Capture X and Y."""
        lockin, most = self.instrument, self.most_samples
        if not 1 <= samples <= most:
            raise LimitError(f"{self.who}: {samples} samples asked, the buffer holds 1 to {most}; ask for less")
        if aux is not None:
            raise LimitError(
                f"{self.who}: auxiliary input {aux} asked, this model captures X and Y alone; record without it, or use"
                f" an SR830"
            )
        _, divider = self._divided(rate_Hz)
        lockin.stop_capture()
        lockin.capture_config = "XY"
        lockin.capture_length = 2 * math.ceil(samples * SAMPLE_BYTES / 2048)
        lockin.capture_rate_divider = divider
        used_Hz = self.measured(lambda: self.instrument.capture_rate, "CAPTURERATE?")
        lockin.start_capture()
        return used_Hz

    def recorded(self) -> int:
        """Return how many samples are captured."""
        return int(self.measured(lambda: self.instrument.capture_bytes, "CAPTUREBYTES?")) // SAMPLE_BYTES

    def fetch(self, samples: int) -> NDArray[np.float64]:
        """Stop to capture and return the first samples."""
        lockin = self.instrument
        lockin.stop_capture()
        last_kB = math.ceil(samples * SAMPLE_BYTES / 1024)
        blocks: list[Any] = [np.empty(0)]
        for offset_kB in range(0, last_kB, BLOCK_KB):
            length_kB = min(BLOCK_KB, last_kB - offset_kB)
            try:
                blocks.append(lockin.adapter.ask_again(lambda at=offset_kB, n=length_kB: lockin.get_capture(at, n)))
            except ValueError as error:
                raise InstrumentError(f"{self.who}: {error}; check the model") from None
        return np.concatenate(blocks).astype(np.float64)[: 2 * samples].reshape(-1, 2)
