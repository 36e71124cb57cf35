"""Stanford Research Systems SR830 lock-in amplifier.

Reference: Model SR830 DSP Lock-In Amplifier manual, rev. 2.5, chapter 5 (remote programming).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Option
from pymeasure.instruments import Instrument, srs
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import LimitError
from sotlab.instruments.srs_lockin import LockinOptions, SRSLockin

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SR830", "Lockin", "SR830Options"]

#: Points of the data buffer, of each channel (manual 5-16).
BUFFER_POINTS = 16383
#: So many points are asked for at once, so that each answer comes within the time-out.
CHUNK_POINTS = 4096


def _first(reply: str) -> str:
    return reply.split(",")[0]


class SR830(srs.SR830):
    """PyMeasure's SR830 with what it errs in set right.

    ``channel1`` and ``channel2`` can be read, the buffer is read by its length instead of until a time-out, offset and
    expand are sent as the instrument counts them, values beyond a range are refused rather than clipped, and
    ``shutdown`` takes the outputs down.
    """

    channel1 = Instrument.control(
        "DDEF? 1",
        "DDEF 1,%d,0",
        """Control what display CH1 shows, one of 'X', 'R', 'X Noise', 'Aux In 1', 'Aux In 2' (str).""",
        validator=strict_discrete_set,
        values=["X", "R", "X Noise", "Aux In 1", "Aux In 2"],
        map_values=True,
        preprocess_reply=_first,  # the second number is the ratio's
    )

    channel2 = Instrument.control(
        "DDEF? 2",
        "DDEF 2,%d,0",
        """Control what display CH2 shows, one of 'Y', 'Theta', 'Y Noise', 'Aux In 3', 'Aux In 4' (str).""",
        validator=strict_discrete_set,
        values=["Y", "Theta", "Y Noise", "Aux In 3", "Aux In 4"],
        map_values=True,
        preprocess_reply=_first,
    )

    sine_voltage = Instrument.control(
        "SLVL?",
        "SLVL %.3f",
        """Control the amplitude of the sine output in V rms, 0.004 to 5 in steps of 0.002 (float).""",
        validator=strict_range,
        values=[0.004, 5.0],
    )

    frequency = Instrument.control(
        "FREQ?",
        "FREQ %.6e",
        """Control the frequency of the internal reference in Hz (float).""",
        validator=strict_range,
        values=[0.001, 102000],
    )

    phase = Instrument.control(
        "PHAS?",
        "PHAS %.2f",
        """Control the phase of the reference in degrees (float).""",
        validator=strict_range,
        values=[-360, 729.99],
    )

    harmonic = Instrument.control(
        "HARM?",
        "HARM %d",
        """Control the harmonic that is detected (int).""",
        validator=strict_discrete_set,
        values=range(1, 20000),
        cast=int,
    )

    sensitivity = Instrument.control(
        "SENS?",
        "SENS %d",
        """Control the full scale in V rms, or in uA rms at a current input (float).""",
        validator=strict_discrete_set,
        values=srs.SR830.SENSITIVITIES,
        map_values=True,
    )

    time_constant = Instrument.control(
        "OFLT?",
        "OFLT %d",
        """Control the time constant in s (float).""",
        validator=strict_discrete_set,
        values=srs.SR830.TIME_CONSTANTS,
        map_values=True,
    )

    filter_slope = Instrument.control(
        "OFSL?",
        "OFSL %d",
        """Control the slope of the filter in dB per octave, one of 6, 12, 18, 24 (int).""",
        validator=strict_discrete_set,
        values=srs.SR830.FILTER_SLOPES,
        map_values=True,
    )

    reserve = Instrument.control(
        "RMOD?",
        "RMOD %d",
        """Control the dynamic reserve, one of 'High Reserve', 'Normal', 'Low Noise' (str).""",
        validator=strict_discrete_set,
        values=srs.SR830.RESERVE_VALUES,
        map_values=True,
    )

    buffer_loop_enabled = Instrument.control(
        "SEND?",
        "SEND %d",
        """Control whether storing goes on over the oldest points when the buffer is full (bool).""",
        validator=strict_discrete_set,
        values={False: 0, True: 1},
        map_values=True,
    )

    fast_transfer = Instrument.control(
        "FAST?",
        "FAST %d",
        """Control whether X and Y are sent over the bus while they are stored, 0 for no (int).""",
        validator=strict_discrete_set,
        values=[0, 1, 2],
        cast=int,
    )

    def set_scaling(self, channel: str, percent: float, expand: int = 1) -> None:
        """Set offset and expand of an output.

        Parameters
        ----------
        channel : str
            'X', 'Y' or 'R'.
        percent : float
            Offset in percent of the full scale, -105 to 105.
        expand : int
            1, 10 or 100.
        """
        number = self.CHANNELS.index(strict_discrete_set(channel, self.CHANNELS)) + 1
        index = self.EXPANSION_VALUES.index(strict_discrete_set(expand, self.EXPANSION_VALUES))
        self.write(f"OEXP {number},{strict_range(percent, [-105, 105]):.2f},{index}")

    def get_buffer(self, channel: int = 1, start: int = 0, end: int | None = None) -> NDArray[np.float64]:
        """Get stored points as the instrument keeps them, exactly and by their length.

        Each is a mantissa and an exponent of 16 bit, low byte first: ``m 2^(e - 124)`` (manual 5-17, TRCL).

        Parameters
        ----------
        channel : int
            Display whose buffer is read, 1 or 2.
        start, end : int
            First point, and the one after the last; to the end of what is stored if None.
        """
        count = (self.buffer_count if end is None else end) - start
        self.write(f"TRCL? {channel},{start},{count}")
        mantissa, exponent = np.frombuffer(self.read_bytes(4 * count), dtype="<i2").reshape(-1, 2).T
        return np.ldexp(mantissa.astype(np.float64), exponent.astype(np.int64) - 124)

    def get_buffer_as_floats(self, channel: int = 1, start: int = 0, end: int | None = None) -> NDArray[np.float32]:
        """Get stored points as floats of 32 bit (TRCB); the parameters are those of :meth:`get_buffer`."""
        count = (self.buffer_count if end is None else end) - start
        self.write(f"TRCB? {channel},{start},{count}")
        return np.frombuffer(self.read_bytes(4 * count), dtype="<f4")

    def shutdown(self) -> None:
        """Take the sine output to its minimum of 4 mV and the auxiliary outputs to 0 V."""
        self.sine_voltage = 0.004
        for number in range(1, 5):
            setattr(self, f"aux_out_{number}", 0.0)
        super().shutdown()


class SR830Options(LockinOptions):
    """Options of the SR830 as ``lockin``."""

    TIME_CONSTANTS_S = tuple(SR830.TIME_CONSTANTS)
    SENSITIVITIES_V = tuple(SR830.SENSITIVITIES)

    harmonic: int = Option(default=1, ge=1, le=19999)
    #: Dynamic reserve: "low noise" lets least and "high" most pass beside the signal.
    reserve: Literal["high", "normal", "low noise"] = "normal"
    #: Notch filters at the mains' frequency.
    line_filter: Literal["none", "line", "2x line", "both"] = "none"


#: How PyMeasure names what the options name.
INPUTS = dict(zip(("A", "A-B", "current_1M", "current_100M"), SR830.INPUT_CONFIGS, strict=True))
RESERVES = dict(zip(("high", "normal", "low noise"), SR830.RESERVE_VALUES, strict=True))
LINE_FILTERS = dict(zip(("none", "line", "2x line", "both"), SR830.INPUT_NOTCH_CONFIGS, strict=True))
EDGES = dict(zip(("sine", "rising", "falling"), SR830.REFERENCE_SOURCE_TRIGGER, strict=True))


class Lockin(SRSLockin):
    """An SR830 that fills the role ``lockin``. A recording holds up to 16383 samples at 62.5 mHz to 512 Hz."""

    instrument_class = SR830
    identity = r"Stanford_Research_Systems,SR830"
    options_model = SR830Options
    highest_harmonic = 19999
    most_samples = BUFFER_POINTS
    spoils: ClassVar[dict[int, str]] = {
        1: "the input has overloaded (raise the sensitivity or the reserve)",
        2: "the filter has overloaded (raise the sensitivity or the reserve)",
        4: "the output has overloaded (raise the sensitivity)",
        8: "the reference was not locked (check the reference's cable, level and edge)",
        32: "the time constant has changed by itself (above 200 Hz 30 s is the longest; lower time_constant_s)",
    }
    overloads = 1 | 2 | 4
    filter_changed = 32

    def apply_reference(self) -> None:
        """Send where the reference comes from."""
        self.instrument.reference_source = self.options.reference.capitalize()
        self.instrument.reference_source_trigger = EDGES[self.options.reference_edge]

    def synchronise(self) -> None:
        """Send whether the synchronous filter is wanted; above 200 Hz it switches itself off."""
        self.instrument.filter_synchronous = self.options.synchronous

    def apply_input(self) -> None:
        """Send what is connected and how it is filtered; X, Y and R are shown without offset and expand."""
        options, lockin = self.options, self.instrument
        lockin.input_config = INPUTS[options.input]
        lockin.reserve = RESERVES[options.reserve]
        lockin.input_notch_config = LINE_FILTERS[options.line_filter]
        lockin.filter_slope = options.slope_dB
        for channel in lockin.CHANNELS:
            lockin.set_scaling(channel, 0.0)

    def slope_dB(self) -> int:
        """Return the slope that is set [dB/octave]."""
        return int(self.measured(lambda: self.instrument.filter_slope, "OFSL?"))

    def reference_Hz(self) -> float:
        """Return the frequency of the reference, external or internal [Hz]."""
        return self.measured(lambda: self.instrument.snap("X", "Frequency")[-1], "SNAP? 1,9")

    def recording_rate_Hz(self, rate_Hz: float) -> float:
        """Return the next of the instrument's rates [Hz]."""
        rates = self.instrument.SAMPLE_FREQUENCIES
        used_Hz = next((rate for rate in rates if rate >= rate_Hz * (1 - 1e-9)), None)
        if used_Hz is None:
            raise LimitError(f"{self.who}: {rate_Hz:g} samples a second asked, the most is {rates[-1]}")
        return used_Hz

    def begin(self, rate_Hz: float, samples: int, aux: int | None) -> float:
        """Store X on CH1 and Y, or Aux In 3 or 4, on CH2."""
        lockin = self.instrument
        if not 1 <= samples <= BUFFER_POINTS:
            raise LimitError(
                f"{self.who}: {samples} samples asked, the buffer holds 1 to {BUFFER_POINTS}; ask for less"
            )
        if aux not in (None, 3, 4):
            raise LimitError(
                f"{self.who}: auxiliary input {aux} asked; beside X only Aux In 3 and 4 can be stored: use one of them"
            )
        used_Hz = self.recording_rate_Hz(rate_Hz)
        lockin.pause_scan()
        lockin.reset_buffer()
        lockin.channel1, lockin.channel2 = "X", "Y" if aux is None else f"Aux In {aux}"
        lockin.fast_transfer = 0
        lockin.buffer_loop_enabled = False
        lockin.aquireOnTrigger(False)
        lockin.sample_frequency = used_Hz
        lockin.start_scan()
        return used_Hz

    def recorded(self) -> int:
        """Return how many points are stored."""
        return int(self.measured(lambda: self.instrument.ask("SPTS?"), "SPTS?"))

    def fetch(self, samples: int) -> NDArray[np.float64]:
        """Return the first points of both channels; the scan may go on towards the buffer's end meanwhile."""
        lockin = self.instrument

        def channel(number: int) -> Any:
            return np.concatenate(
                [np.empty(0)]
                + [
                    lockin.adapter.ask_again(
                        lambda start=start: lockin.get_buffer(number, start, min(start + CHUNK_POINTS, samples))
                    )
                    for start in range(0, samples, CHUNK_POINTS)
                ]
            )

        return np.stack([channel(1), channel(2)], axis=1)

    def end(self) -> None:
        """Stop storing."""
        self.instrument.pause_scan()
