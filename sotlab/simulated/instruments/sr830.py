"""Stanford Research Systems SR830, a digital lock-in up to 102 kHz.

Not modelled: the stream of X and Y in fast mode (``FAST`` and ``STRD`` only start storing), the synchronous filter's
effect (the setting is kept), noise displays as a running estimate (they show the true density at the input).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from sotlab.simulated.device import command, query, setting
from sotlab.simulated.instruments.srs_lockin import HEADROOM, Index, Raw, Real, SRSLockin, digits, wrapped
from sotlab.simulated.scpi import ScpiError

__all__ = ["SR830"]

#: Full scales of SENS 0 to 26 [V] and time constants of OFLT 0 to 19 [s] (SR850 manual 6-7, the same list).
SENSITIVITIES_V = tuple(float(f"{m}e{p}") for p in range(-9, 1) for m in (1, 2, 5))[1:28]
TIME_CONSTANTS_S = tuple(float(f"{m}e{p}") for p in range(-5, 5) for m in (1, 3))
#: Above this detection frequency, with hysteresis [Hz], nothing slower than OFLT 13 (30 s) (manual 5-23).
RANGE_DOWN_HZ, RANGE_UP_HZ, SLOWEST_ABOVE = 199.21, 203.12, 13
HIGHEST_HZ = 102e3

BUFFER_POINTS = 16383
TRIGGERED = 14  # of SRAT
TICK_HZ = 512.0

INPUT, FILTER, OUTPUT, UNLOCKED, RANGE, TIME_CONSTANT, TRIGGERED_BIT = 1, 2, 4, 8, 16, 32, 64

#: Manual rev. 2.5; pages 5-2, 5-8, 5-14 to 5-18, 5-20 and 5-23 were seen.
MANUAL = "SR830 manual"
#: For what stands on the other pages of chapter 5.
DRIVERS = "unverified; two drivers"


def lia_format(values: np.ndarray) -> bytes:
    """Return values as TRCL sends them: a 16-bit mantissa and an exponent, ``m 2^(exp - 124)`` (manual 5-17)."""
    fraction, exponent = np.frexp(values)
    mantissa = np.round(fraction * 2**15).astype(np.int64)
    exponent = exponent.astype(np.int64) - 15 + 124
    rounded_up = np.abs(mantissa) == 2**15
    mantissa, exponent = np.where(rounded_up, mantissa // 2, mantissa), exponent + rounded_up
    nothing = (mantissa == 0) | (exponent < 0)
    pairs = np.where(nothing, 0, np.stack([mantissa, exponent]))
    return pairs.T.astype("<i2").tobytes()


def long_exponent(value: float) -> str:
    """Write a number as the manual shows TRCA's: +7.654321e-009."""
    mantissa, exponent = f"{value:+.6e}".split("e")
    return f"{mantissa}e{int(exponent):+04d}"


class SR830(SRSLockin):
    """The settings, the displays and the data buffer over the shared detector."""

    model: ClassVar[str] = "SR830"
    version: ClassVar[str] = "ver1.07"

    reference = setting("FMOD", Index(0, 1), default=1, source=f"{MANUAL} 5-2")
    frequency = setting("FREQ", Real(None, 0.001, HIGHEST_HZ), default=1000.0, reply="{:.10g}", source=f"{MANUAL} 5-2")
    slope = setting("RSLP", Index(0, 2), default=0, source=DRIVERS)
    harmonic = setting("HARM", Index(1, 19999), default=1, source=DRIVERS)
    sine_V_rms = setting("SLVL", Real(None, 0.004, 5.0), default=1.0, reply="{:.3f}", source=DRIVERS)
    source = setting("ISRC", Index(0, 3), default=0, source=DRIVERS)
    ground = setting("IGND", Index(0, 1), default=0, source=DRIVERS)
    coupling = setting("ICPL", Index(0, 1), default=0, source=DRIVERS)
    line_filter = setting("ILIN", Index(0, 3), default=0, source=DRIVERS)
    sensitivity = setting("SENS", Index(0, 26), default=26, source=f"SR850 manual 6-7; {DRIVERS}")
    reserve = setting("RMOD", Index(0, 2), default=2, source=DRIVERS)
    time_constant = setting("OFLT", Index(0, 19), default=8, source=f"SR850 manual 6-7; {DRIVERS}")
    filter_slope = setting("OFSL", Index(0, 3), default=1, source=DRIVERS)
    synchronous = setting("SYNC", Index(0, 1), default=0, source=DRIVERS)
    output_interface = setting("OUTX", Index(0, 1), default=1, resets=False, source="SR850 manual 6-3 names it")
    override = setting("OVRM", Index(0, 1), default=1, source="SR850 manual 1-10")
    local = setting("LOCL", Index(0, 2), default=0, source="SR850 manual 1-10")
    power_on_clear = setting("*PSC", Index(0, 1), default=1, resets=False, source=f"{MANUAL} 5-20")
    sample_rate = setting("SRAT", Index(0, TRIGGERED), default=4, source="SR844 manual 4-24")
    loop = setting("SEND", Index(0, 1), default=1, source="SR844 manual 4-24")
    trigger_starts = setting("TSTR", Index(0, 1), default=0, source="SR844 manual 4-24")
    fast = setting("FAST", Index(0, 2), default=0, source=f"{MANUAL} 5-18; 2 in a driver")

    def power_on(self) -> None:
        """Start with an empty buffer."""
        self.phase = 0.0
        self._high_range = True
        self._stored: dict[int, dict[str, Any]] = {}
        self._forget()
        self._set_outputs()
        super().power_on()

    def reset(self) -> None:
        """Set the standard settings and empty the buffer; the setups that were saved stay."""
        self.before_change()
        self.phase, self._high_range = 0.0, True
        self._set_outputs()
        super().reset()
        self._forget()
        for channel in self._aux_out_V:
            self.tell_aux(channel, 0.0)

    def _set_outputs(self) -> None:
        self._display: dict[int, tuple[int, int]] = {1: (0, 0), 2: (0, 0)}
        self._front = {1: 0, 2: 0}
        self._offset: dict[int, tuple[float, int]] = {1: (0.0, 0), 2: (0.0, 0), 3: (0.0, 0)}
        self._aux_out_V: dict[int, float] = dict.fromkeys(range(1, 5), 0.0)

    def _forget(self) -> None:
        self._points = np.empty((2, 0))
        self._storing, self._next_s = False, math.inf

    # what the detector follows

    def time_constant_s(self) -> float:
        """Return the time constant [s]."""
        return TIME_CONSTANTS_S[self.time_constant]

    def poles(self) -> int:
        """Return the number of poles: 6 dB per octave for each."""
        return self.filter_slope + 1

    def full_scale_V(self) -> float:
        """Return the sensitivity; a millionth of it, in ampere, at the current inputs."""
        return SENSITIVITIES_V[self.sensitivity] * (1e-6 if self.source > 1 else 1.0)

    def reserve_dB(self) -> float:
        """Return the dynamic reserve: high lets 1 V pass at any sensitivity, low noise 4 to 10 dB, normal lies between.

        The table in chapter 3 of the manual was not seen: this is its pattern from memory.
        """
        high_dB = -20.0 * math.log10(SENSITIVITIES_V[self.sensitivity])
        low_dB = min(high_dB, (10.0, 4.0, 6.0)[(self.sensitivity + 1) % 3])
        return (high_dB, (high_dB + low_dB) / 2, low_dB)[self.reserve]

    def input_limit_V_rms(self) -> float:
        """Return the input that overloads: the reserve over full scale."""
        return self.full_scale_V() * 10 ** (self.reserve_dB() / 20)

    def reference_Hz(self) -> float:
        """Return the oscillator's or the external reference's frequency."""
        if self.reference == 1:
            return self.frequency
        hook = self._hook("lockin_reference")
        found = self.frequency if hook is None else hook(self.input_name, self.lab.clock.now())
        return found or self.frequency

    def is_external(self) -> bool:
        """Return whether an external reference is in use."""
        return self.reference == 0

    def judge(self, peak_V: float) -> None:
        """Note overloads of input, filter and output, and a missing reference (manual 5-23)."""
        if peak_V >= self._limit_V:
            self.lia_status |= INPUT
        full_V = self.full_scale_V()
        if any(abs(stage) > 10.0 * full_V for stage in self.cascade.stages[:-1]):  # how much it takes is unverified
            self.lia_status |= FILTER
        phasor = self.with_hum(self.cascade.output, self.cascade.time_s)
        for channel, value in ((1, phasor.real), (2, phasor.imag), (3, abs(phasor))):
            offset, expand = self._offset[channel]
            if abs(value - offset / 100.0 * full_V) > HEADROOM * full_V / 10**expand:
                self.lia_status |= OUTPUT
        if self.reference == 0 and (hook := self._hook("lockin_reference")) is not None:
            if hook(self.input_name, self.cascade.time_s) is None:
                self.lia_status |= UNLOCKED

    @frequency.on_change
    @harmonic.on_change
    @reference.on_change
    def _change_frequency(self) -> None:
        self.frequency = float(f"{round(self.frequency, 4):.6g}")
        detected_Hz = self.detected_Hz()
        if detected_Hz > HIGHEST_HZ * (1 + 1e-9):
            raise ScpiError(-222)
        high = detected_Hz > RANGE_UP_HZ or (self._high_range and detected_Hz >= RANGE_DOWN_HZ)
        if high != self._high_range:
            self._high_range = high
            self.lia_status |= RANGE
            if high:
                self.synchronous = 0
                if self.time_constant > SLOWEST_ABOVE:
                    self.time_constant = SLOWEST_ABOVE
                    self.lia_status |= TIME_CONSTANT
        self.retune()
        self.tell_sine()

    @time_constant.on_change
    def _change_time_constant(self) -> None:
        if self._high_range and self.time_constant > SLOWEST_ABOVE:
            raise ScpiError(-222)
        self.retune()

    @sensitivity.on_change
    @reserve.on_change
    @filter_slope.on_change
    @source.on_change
    def _change_filter(self) -> None:
        self.retune()

    @sine_V_rms.on_change
    def _change_sine(self) -> None:
        self.sine_V_rms = round(self.sine_V_rms / 0.002) * 0.002
        self.tell_sine()

    @query("PHAS", source=DRIVERS)
    def read_phase(self) -> str:
        """Return the reference phase, from -180 to 180 [deg]."""
        return f"{self.phase:.2f}"

    @command("PHAS", Real(None, -360.0, 729.99), source=DRIVERS)
    def set_phase(self, angle_deg: float) -> None:
        """Set the reference phase; it wraps at 180 degrees."""
        self.before_change()
        self.phase = wrapped(round(angle_deg, 2))
        self.retune()

    # readings

    def _channels_V(self, phasor: Any) -> tuple[Any, Any, Any]:
        values = (phasor.real, phasor.imag, abs(phasor))
        return tuple(
            self.shown(value, offset, 10**expand)
            for value, (offset, expand) in zip(values, self._offset.values(), strict=True)
        )

    def _displayed(self, channel: int, phasors: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """Return what the display of a channel shows at these times (manual 5-8)."""
        quantity, ratio = self._display[channel]
        if quantity < 2:
            x, y, r = self._channels_V(phasors)
            values = (x, r)[quantity] if channel == 1 else (y, np.degrees(np.angle(phasors)))[quantity]
        elif quantity == 2:
            values = np.full(len(times_s), self.density_V_per_rtHz)
        else:
            values = self._aux_V(2 * channel + quantity - 4, times_s)
        if ratio:
            by = self._aux_V(2 * channel + ratio - 2, times_s)
            values = values / np.where(np.abs(by) < 1 / 3000, 1 / 3000, by)
        return values

    def _aux_V(self, channel: int, times_s: np.ndarray) -> np.ndarray:
        return np.array([self.aux_in_V(channel, t) for t in times_s.tolist()])

    def _display_now(self, channel: int, phasor: complex) -> float:
        now_s = self.lab.clock.now()
        return float(self._displayed(channel, np.array([phasor]), np.array([now_s]))[0])

    def _reading(self, which: int, phasor: complex) -> float:
        """Return quantity 1 to 11 of the table of SNAP? (manual 5-15)."""
        if which <= 3:
            return self._channels_V(phasor)[which - 1]
        if which == 4:
            return math.degrees(math.atan2(phasor.imag, phasor.real))
        if which <= 8:
            return self.aux_in_V(which - 4, self.lab.clock.now())
        return self.reference_Hz() if which == 9 else self._display_now(which - 9, phasor)

    @query("OUTP", Index(1, 4), source=f"{MANUAL} 5-15")
    def output(self, which: int) -> str:
        """Return X, Y, R [V] or theta [deg]."""
        return digits(self._reading(which, self.phasor_V()))

    @query("OUTR", Index(1, 2), source=f"{MANUAL} 5-15")
    def display_value(self, channel: int) -> str:
        """Return what a display shows."""
        return digits(self._display_now(channel, self.phasor_V()))

    @query(
        "SNAP", Index(1, 11), Index(1, 11), *(Index(1, 11, optional=True) for _ in range(4)), source=f"{MANUAL} 5-15"
    )
    def snap(self, *which: int) -> str:
        """Return two to six quantities of one instant."""
        phasor = self.phasor_V()
        return ",".join(digits(self._reading(one, phasor)) for one in which)

    @query("OAUX", Index(1, 4), source=f"{MANUAL} 5-16")
    def aux_input(self, channel: int) -> str:
        """Return the voltage at an auxiliary input."""
        return digits(self.aux_in_V(channel, self.lab.clock.now()))

    @command("AUXV", Index(1, 4), Real(None, -10.5, 10.5), source=DRIVERS)
    def set_aux_output(self, channel: int, volts: float) -> None:
        """Set an auxiliary output, in steps of 1 mV."""
        self.before_change()
        self._aux_out_V[channel] = round(volts, 3)
        self.tell_aux(channel, self._aux_out_V[channel])

    @query("AUXV", Index(1, 4), source=DRIVERS)
    def aux_output(self, channel: int) -> str:
        """Return the voltage of an auxiliary output."""
        return f"{self._aux_out_V[channel]:.3f}"

    @command("DDEF", Index(1, 2), Index(0, 4), Index(0, 2), source=f"{MANUAL} 5-8")
    def set_display(self, channel: int, quantity: int, ratio: int) -> None:
        """Choose what a display shows, and by which auxiliary input it is divided."""
        self.before_change()
        self._display[channel] = quantity, ratio

    @query("DDEF", Index(1, 2), source=f"{MANUAL} 5-8")
    def display(self, channel: int) -> str:
        """Return quantity and ratio of a display."""
        return "{},{}".format(*self._display[channel])

    @command("FPOP", Index(1, 2), Index(0, 1), source=f"{MANUAL} 5-8")
    def set_front_output(self, channel: int, quantity: int) -> None:
        """Choose the display, or X or Y, for a front panel output."""
        self._front[channel] = quantity

    @query("FPOP", Index(1, 2), source=f"{MANUAL} 5-8")
    def front_output(self, channel: int) -> int:
        """Return what a front panel output carries."""
        return self._front[channel]

    @command("OEXP", Index(1, 3), Real(None, -105.0, 105.0), Index(0, 2), source=f"{MANUAL} 5-8")
    def set_offset(self, channel: int, offset_percent: float, expand: int) -> None:
        """Set offset, in percent of full scale, and expand (1, 10, 100) of X, Y or R."""
        self.before_change()
        self._offset[channel] = round(offset_percent, 2), expand

    @query("OEXP", Index(1, 3), source=f"{MANUAL} 5-8")
    def offset(self, channel: int) -> str:
        """Return offset and expand."""
        return "{:.2f},{}".format(*self._offset[channel])

    # auto functions: they act on the filter's output as it is now; their durations are unverified

    @command("AOFF", Index(1, 3), source=f"{MANUAL} 5-8")
    def auto_offset(self, channel: int) -> None:
        """Set the offset that brings X, Y or R to zero, as far as 105 % go."""
        phasor = self.phasor_V()
        value = (phasor.real, phasor.imag, abs(phasor))[channel - 1]
        percent = min(max(100.0 * value / self.full_scale_V(), -105.0), 105.0)
        self._offset[channel] = round(percent, 2), self._offset[channel][1]

    @command("APHS", source=DRIVERS)
    def auto_phase(self) -> None:
        """Shift the reference so that the phase becomes zero; the outputs follow with the time constant."""
        phasor = self.phasor_V()
        self.before_change()
        angle_deg = math.degrees(math.atan2(phasor.imag, phasor.real))
        self.phase = wrapped(round(self.phase + angle_deg, 2))
        self.retune()
        self.start_operation(0.5)

    @command("AGAN", source=f"{DRIVERS}; above 1 s nothing happens, from memory")
    def auto_gain(self) -> None:
        """Choose the sensitivity that R fills best; it takes some time constants for each step."""
        if self.time_constant_s() > 1.0:
            return
        self.before_change()
        size_V, before = abs(self.phasor_V()), self.sensitivity
        unit = self.full_scale_V() / SENSITIVITIES_V[self.sensitivity]
        fitting = (i for i, full_V in enumerate(SENSITIVITIES_V) if size_V <= full_V * unit)
        self.sensitivity = next(fitting, len(SENSITIVITIES_V) - 1)
        self.retune()
        self.start_operation((1 + abs(self.sensitivity - before)) * (0.1 + 5 * self.time_constant_s()))

    @command("ARSV", source=DRIVERS)
    def auto_reserve(self) -> None:
        """Choose the lowest reserve at which the input does not overload."""
        self.before_change()
        now_s = self.lab.clock.now()
        size_V = abs(self.bench.lockin_input(self.input_name, now_s, self.harmonic)) + self.noise.hum_V_rms
        for self.reserve in (2, 1, 0):
            if size_V < self.input_limit_V_rms():
                break
        self.retune()
        self.start_operation(1.0)

    # the data buffer

    def store_until(self, t_s: float) -> None:
        """Store the samples that are due by ``t_s``; in one-shot mode until the buffer is full."""
        if self._next_s > t_s:
            return
        step_s = math.inf if self.sample_rate == TRIGGERED else 2.0 ** (4 - self.sample_rate)
        count = 1 if math.isinf(step_s) else math.floor((t_s - self._next_s) / step_s) + 1
        room = BUFFER_POINTS - self._points.shape[1]
        if not self.loop and count >= room:
            count, self._storing = room, False
        elif count > BUFFER_POINTS:  # the loop has gone round: what came before would be overwritten
            self._next_s += (count - BUFFER_POINTS) * step_s
            count = BUFFER_POINTS
        if count:
            times_s = self._next_s + (step_s * np.arange(count) if count > 1 else np.zeros(1))
            phasors = self.record(times_s)
            new = np.stack([self._displayed(channel, phasors, times_s) for channel in (1, 2)])
            self._points = np.concatenate([self._points, new], axis=1)[:, -BUFFER_POINTS:]
            self._next_s = times_s[-1] + step_s
        if not self._storing:
            self._next_s = math.inf

    @sample_rate.on_change
    @loop.on_change
    def _change_rate(self) -> None:
        if self._storing and self.sample_rate < TRIGGERED:
            self._next_s = self.lab.clock.now()

    @command("STRT", source="SR844 manual 4-24")
    def start_storage(self) -> None:
        """Start or resume storing; ignored while storing."""
        self.catch_up(self.lab.clock.now())
        full = not self.loop and self._points.shape[1] >= BUFFER_POINTS
        if not (self._storing or full):
            self._storing = True
            self._next_s = math.inf if self.sample_rate == TRIGGERED else self.lab.clock.now()

    @command("STRD", source=f"{DRIVERS}; after 0.5 s")
    def start_delayed(self) -> None:
        """Start storing half a second from now."""
        self.start_storage()
        if math.isfinite(self._next_s):
            self._next_s = max(self._next_s, self.lab.clock.now() + 0.5)

    @command("PAUS", source=f"{MANUAL} 5-14")
    def pause_storage(self) -> None:
        """Pause storing; ignored while paused or reset."""
        self.catch_up(self.lab.clock.now())
        self._storing, self._next_s = False, math.inf

    @command("REST", source=f"{MANUAL} 5-14")
    def reset_storage(self) -> None:
        """Empty the buffer, and stop storing."""
        self.catch_up(self.lab.clock.now())
        self._forget()

    @command("TRIG", source="SR844 manual 4-24")
    def trigger(self) -> None:
        """Store one sample at the next tick of 512 Hz, or start the scan that waits for a trigger."""
        now_s = self.lab.clock.now()
        self.catch_up(now_s)
        if self.sample_rate == TRIGGERED:
            if self._storing and math.isinf(self._next_s):
                self._next_s = math.ceil(now_s * TICK_HZ) / TICK_HZ
                self.lia_status |= TRIGGERED_BIT
        elif self.trigger_starts and not self._storing:
            self.start_storage()
            self.lia_status |= TRIGGERED_BIT

    def _summary_bits(self) -> int:
        return super()._summary_bits() | (0 if self._storing else 1)

    @query("SPTS", source=f"{MANUAL} 5-16")
    def stored_points(self) -> int:
        """Return how many points are stored."""
        self.catch_up(self.lab.clock.now())
        return self._points.shape[1]

    def _stretch(self, channel: int, first: int, count: int) -> np.ndarray:
        self.catch_up(self.lab.clock.now())
        if first + count > self._points.shape[1]:
            raise ScpiError(-222)
        return self._points[channel - 1, first : first + count]

    @query("TRCA", Index(1, 2), Index(0, BUFFER_POINTS), Index(1, BUFFER_POINTS), source=f"{MANUAL} 5-16")
    def points_as_text(self, channel: int, first: int, count: int) -> str:
        """Return stored points as text, each followed by a comma."""
        return "".join(long_exponent(value) + "," for value in self._stretch(channel, first, count).tolist())

    @query("TRCB", Index(1, 2), Index(0, BUFFER_POINTS), Index(1, BUFFER_POINTS), source=f"{MANUAL} 5-16, 5-17")
    def points_as_floats(self, channel: int, first: int, count: int) -> Raw:
        """Return stored points as 32-bit floats, low byte first, without a terminator."""
        return Raw(self._stretch(channel, first, count).astype("<f4").tobytes())

    @query("TRCL", Index(1, 2), Index(0, BUFFER_POINTS), Index(1, BUFFER_POINTS), source=f"{MANUAL} 5-17")
    def points_as_stored(self, channel: int, first: int, count: int) -> Raw:
        """Return stored points in the instrument's own format, without a terminator."""
        return Raw(lia_format(self._stretch(channel, first, count)))

    # setups

    @command("SSET", Index(1, 9), source=DRIVERS)
    def save_setup(self, number: int) -> None:
        """Save the settings in one of nine places."""
        self._stored[number] = {
            "values": dict(self.values),
            "phase": self.phase,
            "display": dict(self._display),
            "front": dict(self._front),
            "offset": dict(self._offset),
        }

    @command("RSET", Index(1, 9), source=DRIVERS)
    def recall_setup(self, number: int) -> None:
        """Recall settings; a place where nothing was saved is an error."""
        if number not in self._stored:
            raise ScpiError(-221)
        self.before_change()
        saved = self._stored[number]
        self.values.update(saved["values"])
        self.phase = saved["phase"]
        self._display, self._front = dict(saved["display"]), dict(saved["front"])
        self._offset = dict(saved["offset"])
        self._change_frequency()
