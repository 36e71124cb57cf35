"""What the lock-ins of Stanford Research Systems have in common: grammar, status words, detector, display scaling.

The bench that a lock-in is wired to has

* ``lockin_input(name, t_s, harmonic) -> complex``: the rms phasor at its input, relative to the reference [V];
* ``lockin_noise(name) -> float``: one-sided density of the white noise there [V/rtHz], without the lock-in's own;

and may have

* ``watch(catch_up)``: keeps a function that its ``before_change(t_s)`` must call with that time, so that a filter
  follows the old input up to each change;
* ``aux_in(name, t_s, channel) -> float``: what stands at an auxiliary input [V];
* ``sine_out(name, t_s, frequency_Hz, amplitude_V_rms)``, ``aux_out(name, t_s, channel, volts)``: are told what is put
  out;
* ``lockin_reference(name, t_s) -> float | None``: the external reference's frequency [Hz], None without one;
* ``lockin_internal(name, t_s, frequency_Hz, harmonic) -> complex``: the phasor relative to the internal oscillator,
  where the signal does not come from it; without this, ``lockin_input`` is taken whatever the reference;
* ``lockin_noise_now(name, t_s, harmonic) -> (float, complex)``: what noise there is at this time beside
  ``lockin_noise``: a density of its own [V/rtHz], and that of noise along the phasor of ``lockin_input``.

``name`` is the device's option ``input``. At a current input the phasor is in ampere. Further options of the device:
``noise_corner_Hz``, ``hum_V_rms``, ``mains_Hz``, ``drift_V_per_s`` (see :class:`InputNoise`), and
``input_noise_V_per_rtHz`` of the amplifier.
"""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from sotlab.simulated.device import LabDevice, Port, Reply, command, query
from sotlab.simulated.physics.lockin import InputNoise, RCCascade, hum_phasor
from sotlab.simulated.scpi import Number, ScpiError, Tree

__all__ = ["Index", "Raw", "Real", "SRSLockin", "digits", "wrapped"]

#: A mnemonic, perhaps a question mark, and what follows, with or without a space between: SENS17, OUTP ? 1.
_UNIT = re.compile(r"\s*:?(\*?[A-Za-z]+)\s*(\??)\s*(.*?)\s*\Z", re.DOTALL)

#: IEEE 488.2 commands of the base class that these instruments do not have.
_ABSENT = ("*OPC", "*WAI", "*TST", "*TRG")

#: A reading goes this far beyond full scale before it clips and the output overloads (unverified).
HEADROOM = 1.09
#: Steps of a reading over full scale: +-30000 is full scale in the instrument's own 16-bit numbers (SR830 manual 5-18).
COUNTS = 30000
#: So many replies wait to be read; one more, and all are lost and QRY is set. The size of the queue is unverified.
UNREAD_REPLIES = 64


class Real(Number):
    """A number as these instruments take it: without units, MIN or MAX."""

    def keyword(self, text: str, device: Any) -> None:
        """Return None: there are no such words."""


class Index(Real):
    """A whole number in a range; "4.000000" will do."""

    def __init__(self, minimum: float, maximum: float | Callable[[Any], float], *, optional: bool = False):
        super().__init__(None, minimum, maximum, integer=True, optional=optional)

    def parse(self, text: str, device: Any) -> float:
        """Return the number; -222 for one that no float can hold, too."""
        try:
            return super().parse(text, device)
        except OverflowError:
            raise ScpiError(-222) from None


class Raw(bytes):
    """A reply that ends with END alone, without a terminator."""


def wrapped(angle_deg: float) -> float:
    """Return an angle between -180 and 180 degrees."""
    return (angle_deg + 180.0) % 360.0 - 180.0


def digits(value: float) -> str:
    """Write a reading with six digits, as the manual's examples have it: -1.01026, 1000.00."""
    return f"{value:#.6g}" if value else "0"


class SRSLockin(LabDevice):
    """A lock-in with its detector; the models say which settings it follows.

    A model has the settings ``phase``, ``harmonic``, ``sine_V_rms`` and the methods below that raise
    ``NotImplementedError``.
    """

    manufacturer: ClassVar[str] = "Stanford_Research_Systems"
    reply_separator: ClassVar[bytes | None] = None  # SR830 manual 5-2: answered individually, each with a terminator
    #: White noise of the input amplifier [V/rtHz].
    amplifier_V_per_rtHz: ClassVar[float] = 6e-9
    #: Width of the LIA status word.
    lia_bits: ClassVar[int] = 8

    phase: Any
    harmonic: Any
    sine_V_rms: Any

    # what a model says of itself

    def time_constant_s(self) -> float:
        """Return the time constant in use [s]."""
        raise NotImplementedError

    def poles(self) -> int:
        """Return the number of poles in use."""
        raise NotImplementedError

    def full_scale_V(self) -> float:
        """Return the sensitivity [V rms, or A]."""
        raise NotImplementedError

    def input_limit_V_rms(self) -> float:
        """Return the largest rms input that does not overload the amplifier."""
        raise NotImplementedError

    def reference_Hz(self) -> float:
        """Return the frequency of the reference in use."""
        raise NotImplementedError

    def is_internal(self) -> bool:
        """Return whether the internal oscillator is the reference."""
        raise NotImplementedError

    def judge(self, peak_V: float) -> None:
        """Set the bits of the LIA status word, after a stretch of time with this largest rms input."""
        raise NotImplementedError

    def store_until(self, t_s: float) -> None:
        """Store what is due by then into the model's buffer."""

    # life

    @classmethod
    def gather(cls) -> None:
        """Build the command tree without the common commands that these instruments do not know."""
        super().gather()
        cls.commands = [one for one in cls.commands if one.pattern not in _ABSENT]
        cls.tree = Tree()
        for one in cls.commands:
            cls.tree.add(one.pattern, one, query=one.is_query)

    def power_on(self) -> None:
        """Settle the filter on the input as it is, and follow it from now on."""
        self.lia_status = self.lia_enable = self.error_status = self.error_enable = 0
        self._hook: Callable[[str], Any] = lambda name: getattr(self.bench, name, None)
        option = {
            key: float(self.options[key])
            for key in ("noise_corner_Hz", "hum_V_rms", "mains_Hz", "drift_V_per_s")
            if key in self.options
        }
        amplifier = float(self.options.get("input_noise_V_per_rtHz", self.amplifier_V_per_rtHz))
        self.noisy: bool = self.lab.spec.noise
        white = math.hypot(amplifier, float(self.bench.lockin_noise(self.input_name))) if self.noisy else 0.0
        option["corner_Hz"] = option.pop("noise_corner_Hz", 0.0)
        self.noise = InputNoise(white, **option) if self.noisy else InputNoise()
        self.cascade = RCCascade(self.lab.rng(f"{self.name}.noise"))
        self.cascade.settle(self.lab.clock.now(), 0j)
        self.retune()
        if (watch := self._hook("watch")) is not None:
            watch(self.catch_up)
        super().power_on()
        now_s = self.lab.clock.now()
        self.cascade.settle(now_s, self.input_V(now_s))

    def before_change(self) -> None:
        """Let everybody catch up, this lock-in too where the bench does not tell it."""
        super().before_change()
        self.catch_up(self.lab.clock.now())

    # the detector

    def retune(self) -> None:
        """Take over phase, frequency and filter after one of them has changed."""
        self.cascade.set_filter(self.time_constant_s(), self.poles())
        self._rotation = cmath.exp(-1j * math.radians(self.phase))
        detected_Hz = self.detected_Hz()
        self.density_V_per_rtHz = self.noise.density_V_per_rtHz(detected_Hz)
        self._hum_V: Callable[[float], complex] | None = None
        if self.noise.hum_V_rms > 0.0:
            self._hum_V = hum_phasor(self.noise, detected_Hz, self.time_constant_s(), self.poles())
        self._limit_V = self.input_limit_V_rms()

    def detected_Hz(self) -> float:
        """Return the frequency that is detected: the harmonic's."""
        return self.reference_Hz() * self.harmonic

    def input_V(self, t_s: float) -> complex:
        """Return the phasor behind the mixer, clipped by the input amplifier [V]."""
        internal = self._hook("lockin_internal") if self.is_internal() else None
        if internal is None:
            phasor = self.bench.lockin_input(self.input_name, t_s, self.harmonic) * self._rotation
        else:
            phasor = internal(self.input_name, t_s, self.reference_Hz(), self.harmonic) * self._rotation
        size = abs(phasor)
        if size > self._limit_V:
            phasor *= self._limit_V / size
        return phasor + self.noise.drift_V_per_s * t_s

    def catch_up(self, t_s: float) -> None:
        """Follow the input up to ``t_s``, and store what was to be stored on the way."""
        self.store_until(t_s)
        if t_s > self.cascade.time_s:
            peak_V = self.cascade.advance(t_s, self.input_V, *self.densities_V_per_rtHz(t_s))
            self.judge(peak_V + self.noise.hum_V_rms)

    def densities_V_per_rtHz(self, t_s: float) -> tuple[float, complex]:
        """Return the density of the white noise, and of the noise along the signal, as they are at ``t_s``."""
        hook = self._hook("lockin_noise_now")
        if hook is None or not self.noisy:
            return self.density_V_per_rtHz, 0j
        if not self.is_internal():  # it may have changed since the filter was tuned
            self.density_V_per_rtHz = self.noise.density_V_per_rtHz(self.detected_Hz())
        more, along = hook(self.input_name, t_s, self.harmonic)
        # Beside a reference that the signal does not follow, its noise has no phase of its own.
        along = 0j if self.is_internal() and self._hook("lockin_internal") is not None else along
        return math.hypot(self.density_V_per_rtHz, more), along * self._rotation

    def record(self, times_s: np.ndarray) -> np.ndarray:
        """Return the filter's output at equidistant times, with one detector going through all of them [V]."""
        densities: tuple[Any, Any] = self.densities_V_per_rtHz(float(times_s[0]))
        peak_V = self.cascade.advance(float(times_s[0]), self.input_V, *densities)
        phasors = np.array([self.cascade.output])
        if len(times_s) > 1:
            if self._hook("lockin_noise_now") is not None and self.noisy:
                each = [self.densities_V_per_rtHz(t) for t in times_s[1:].tolist()]
                densities = np.array([white for white, _ in each]), np.array([along for _, along in each])
            later, later_V = self.cascade.record(times_s[1:], self.input_V, *densities)
            phasors, peak_V = np.concatenate([phasors, later]), max(peak_V, later_V)
        self.judge(peak_V + self.noise.hum_V_rms)
        return self.with_hum(phasors, times_s)

    def with_hum(self, phasor: Any, t_s: Any) -> Any:
        """Return the filter's output with the mains' beat."""
        if self._hum_V is None:
            return phasor
        if isinstance(t_s, float):
            return phasor + self._hum_V(t_s)
        return phasor + np.array([self._hum_V(t) for t in t_s])

    def phasor_V(self) -> complex:
        """Return X + iY at this moment, before offset, expand and clipping [V]."""
        now_s = self.lab.clock.now()
        self.catch_up(now_s)
        return self.with_hum(self.cascade.output, now_s)

    def shown(self, values: Any, offset_percent: float, expand: int) -> Any:
        """Return readings with their offset, their clipping and their steps [V]."""
        full_V = self.full_scale_V()
        most_V, step_V = HEADROOM * full_V / expand, full_V / expand / COUNTS
        shifted = values - offset_percent / 100.0 * full_V
        if isinstance(shifted, float):
            return round(min(max(shifted, -most_V), most_V) / step_V) * step_V
        return np.round(np.clip(shifted, -most_V, most_V) / step_V) * step_V

    def aux_in_V(self, channel: int, t_s: float) -> float:
        """Return what stands at an auxiliary input, in steps of 1/3 mV (SR830 manual 5-16)."""
        hook = self._hook("aux_in")
        return round((hook(self.input_name, t_s, channel) if hook is not None else 0.0) * 3000) / 3000

    def tell_sine(self) -> None:
        """Tell the bench what the sine output does now."""
        if (hook := self._hook("sine_out")) is not None:
            hook(self.input_name, self.lab.clock.now(), self.reference_Hz(), self.sine_V_rms)

    def tell_aux(self, channel: int, volts: float) -> None:
        """Tell the bench what an auxiliary output does now."""
        if (hook := self._hook("aux_out")) is not None:
            hook(self.input_name, self.lab.clock.now(), channel, volts)

    # the wire

    def connect(self, *, stream: bool = False) -> Port:
        """Open a session's end of the wire; unread replies stay in line, as the QRY bit's description has it."""
        return super().connect(stream=True)

    def _run(self, header: str, path: str, text: str, unit: str) -> tuple[bytes | None, str]:
        match = _UNIT.match(unit)
        if match is None:
            raise ScpiError(-102)
        if self.busy_until > self.lab.clock.now():  # SR830 manual 5-2: one command is carried out at a time
            self._ready_at = max(self._ready_at, self.busy_until)
        return super()._run(match[1].upper() + match[2], "", match[3], unit)

    def _send(self, port: Port, replies: list[bytes]) -> None:
        if len(port.replies) + len(replies) > UNREAD_REPLIES:
            port.clear()
            self.error(-400)
            return
        for reply in replies:
            serial = (self.resource_name or "").startswith("ASRL")
            end = b"" if isinstance(reply, Raw) else b"\r" if serial else self._response_eom
            port.replies.append(Reply(bytes(reply) + end, self._ready_at))

    def word(self, name: str, bit: int | None) -> int:
        """Return a status word and clear it, or one of its bits and clear that (SR830 manual 5-20)."""
        value = getattr(self, name)
        if bit is None:
            setattr(self, name, 0)
            return value
        setattr(self, name, value & ~(1 << bit))
        return value >> bit & 1

    def set_word(self, name: str, value: int, bit_value: int | None) -> None:
        """Set an enable word, or with two numbers one bit of it (SR830 manual 5-20)."""
        if bit_value is None:
            setattr(self, name, value)
            return
        width = self.lia_bits if name == "lia_enable" else 8
        if value >= width or bit_value not in (0, 1):
            raise ScpiError(-222)
        setattr(self, name, getattr(self, name) & ~(1 << value) | bit_value << value)

    @staticmethod
    def part(word: int, bit: int | None) -> int:
        """Return an enable word or one of its bits."""
        return word if bit is None else word >> bit & 1

    def status_byte(self, port: Port) -> int:
        """Return the serial poll status byte (SR830 manual 5-21): 1 IFC, 2 ERR, 3 LIA, 4 MAV, 5 ESB."""
        return super().status_byte(port) | self._summary_bits()

    def _summary_bits(self) -> int:
        now_s = self.lab.clock.now()
        self.catch_up(now_s)
        return (
            (2 if now_s >= self.busy_until else 0)
            | (4 if self.error_status & self.error_enable else 0)
            | (8 if self.lia_status & self.lia_enable else 0)
        )

    @query("*STB", Index(0, 7, optional=True), source="SR830 manual 5-20")
    def read_status_byte(self, bit: int | None = None) -> int:
        """Return the status byte or one of its bits; reading changes nothing."""
        byte = self._summary_bits() | (32 if self.event_status & self.event_enable else 0)
        return self.part(byte | (64 if byte & self.service_enable else 0), bit)

    @query("*ESR", Index(0, 7, optional=True), source="SR830 manual 5-20")
    def read_event_status(self, bit: int | None = None) -> int:
        """Return and clear the standard event status."""
        return self.word("event_status", bit)

    @command("*ESE", Index(0, 255), Index(0, 1, optional=True), source="SR830 manual 5-20")
    def enable_events(self, value: int, bit_value: int | None = None) -> None:
        """Set the standard event enable register."""
        self.set_word("event_enable", value, bit_value)

    @query("*ESE", Index(0, 7, optional=True), source="SR830 manual 5-20")
    def enabled_events(self, bit: int | None = None) -> int:
        """Return the standard event enable register."""
        return self.part(self.event_enable, bit)

    @command("*SRE", Index(0, 255), Index(0, 1, optional=True), source="SR830 manual 5-20")
    def enable_service(self, value: int, bit_value: int | None = None) -> None:
        """Set the serial poll enable register."""
        self.set_word("service_enable", value, bit_value)

    @query("*SRE", Index(0, 7, optional=True), source="SR830 manual 5-20")
    def enabled_service(self, bit: int | None = None) -> int:
        """Return the serial poll enable register."""
        return self.part(self.service_enable, bit)

    @command("ERRE", Index(0, 255), Index(0, 1, optional=True), source="SR830 manual 5-20")
    def enable_errors(self, value: int, bit_value: int | None = None) -> None:
        """Set the error status enable register."""
        self.set_word("error_enable", value, bit_value)

    @query("ERRE", Index(0, 7, optional=True), source="SR830 manual 5-20")
    def enabled_errors(self, bit: int | None = None) -> int:
        """Return the error status enable register."""
        return self.part(self.error_enable, bit)

    @query("ERRS", Index(0, 7, optional=True), source="SR830 manual 5-23")
    def read_errors(self, bit: int | None = None) -> int:
        """Return and clear the error status."""
        return self.word("error_status", bit)

    @command(
        "LIAE", Index(0, lambda device: 2**device.lia_bits - 1), Index(0, 1, optional=True), source="SR830 manual 5-23"
    )
    def enable_lia(self, value: int, bit_value: int | None = None) -> None:
        """Set the LIA status enable register."""
        self.set_word("lia_enable", value, bit_value)

    @query("LIAE", Index(0, lambda device: device.lia_bits - 1, optional=True), source="SR830 manual 5-23")
    def enabled_lia(self, bit: int | None = None) -> int:
        """Return the LIA status enable register."""
        return self.part(self.lia_enable, bit)

    @query("LIAS", Index(0, lambda device: device.lia_bits - 1, optional=True), source="SR830 manual 5-23")
    def read_lia(self, bit: int | None = None) -> int:
        """Return and clear the LIA status: overloads, unlock, changes that followed from others, trigger."""
        self.catch_up(self.lab.clock.now())
        return self.word("lia_status", bit)

    @command("*CLS", source="SR830 manual 5-20")
    def clear_status(self) -> None:
        """Clear all status words; the enable words stay."""
        self.catch_up(self.lab.clock.now())
        self.event_status = self.lia_status = self.error_status = 0
        self.errors.clear()
