"""What the drivers of Stanford Research Systems' lock-ins have in common: the role ``lockin`` and the status words.

``sr830.py`` and ``sr865a.py`` fill the same role with the same options, so that one replaces the other by an edit of
the station file.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Option
from pydantic import model_validator

from sotlab.errors import GarbledReplyError, InstrumentError, LimitError, OverloadError
from sotlab.instruments.driver import Driver, Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LockinOptions", "Recording", "SRSDriver", "SRSLockin", "step_in"]

#: Bits of the standard event status that mean that a message was not carried out (SR830 manual 5-20).
EVENTS = {1: "input queue overflow", 4: "query error", 16: "execution error", 32: "command error"}

#: Time constants after which n poles are within 0.1 % of a step: ``exp(-x) sum_(k<n) x^k/k! = 1e-3``.
SETTLING_TAU = {6: 6.908, 12: 9.234, 18: 11.229, 24: 13.063}

#: What a calibration ``second_harmonic`` says: the phases of both harmonics, and the share of V_1w in X and Y of 2w.
KNOWN_RESISTOR = {"frequency": "Hz", "phase_1w": "deg", "phase_2w": "deg", "distortion_x": "", "distortion_y": ""}

#: Below this detected frequency the synchronous filter works (SR830 manual) [Hz].
SYNCHRONOUS_BELOW_HZ = 200.0


def step_in(steps: Iterable[float], value: float, what: str) -> float:
    """Return the instrument's step that is meant by ``value``, or raise ValueError naming its neighbours."""
    ordered = sorted(steps)
    nearest = min(ordered, key=lambda step: abs(math.log(step / value)) if value > 0 else step)
    if math.isclose(nearest, value, rel_tol=1e-6):
        return nearest
    at = bisect.bisect(ordered, value)
    near = " and ".join(f"{step:g}" for step in ordered[max(at - 1, 0) : at + 1])
    raise ValueError(f"{what} has steps, {value:g} is none; nearest: {near} (from {ordered[0]:g} to {ordered[-1]:g})")


class SRSDriver(Driver):
    """A role that one of these lock-ins fills; several roles may share the instrument."""

    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}

    def exchange(self) -> AbstractContextManager[None]:
        """Hold the instrument, so that no other role's or thread's message comes in between."""
        return self.instrument.adapter.exchange()

    def raise_errors(self) -> None:
        """Raise InstrumentError if a message since the last look was not carried out: there is no error queue."""
        status = int(self.number(self.instrument.ask("*ESR?"), "*ESR?"))
        if problems := [name for bit, name in EVENTS.items() if status & bit]:
            raise InstrumentError(
                f"{self.who}: the instrument reports {', '.join(problems)}; it does not allow a setting that was sent"
            )

    def send(self, **settings: Any) -> None:
        """Set properties of the instrument and look whether all were accepted."""
        with self.exchange():
            for name, value in settings.items():
                setattr(self.instrument, name, value)
            self.raise_errors()


class LockinOptions(Options):
    """Options that the models share; each model adds its own and the tables of its steps."""

    TIME_CONSTANTS_S: ClassVar[tuple[float, ...]] = ()
    SENSITIVITIES_V: ClassVar[tuple[float, ...]] = ()

    #: Time constant of each pole [s], one of the instrument's steps of 1 and 3.
    time_constant_s: float = Option(default=0.1, gt=0.0)
    #: Slope of the filter [dB/octave]: 6 for each pole.
    slope_dB: Literal[6, 12, 18, 24] = 24
    #: Full scale at the voltage inputs [V rms].
    sensitivity_V: float = Option(default=1.0, gt=0.0)
    #: Full scale at the current inputs [A rms].
    sensitivity_A: float = Option(default=1e-6, gt=0.0)
    #: Signal input: one voltage, a difference, or a current with 1e6 or 1e8 V/A. A phasor is then in ampere.
    input: Literal["A", "A-B", "current_1M", "current_100M"] = "A"
    #: Coupling of the input.
    coupling: Literal["AC", "DC"] = "AC"
    #: Shield of the input.
    grounding: Literal["float", "ground"] = "ground"
    #: Where the reference comes from.
    reference: Literal["external", "internal"] = "external"
    #: What an external reference is taken at: zero crossings of a sine, or an edge of TTL.
    reference_edge: Literal["sine", "rising", "falling"] = "sine"
    #: Frequency of the internal reference [Hz]; left as it is if None.
    frequency_Hz: float | None = Option(default=None, gt=0.0)
    #: Multiple of the reference's frequency that is detected.
    harmonic: int = Option(default=1, ge=1)
    #: Phase of the reference [deg].
    phase_deg: float = Option(default=0.0, ge=-360.0, le=360.0)
    #: Average over a period of the reference, too; acts below 200 Hz.
    synchronous: bool = False

    @property
    def is_current(self) -> bool:
        """Whether a current is measured."""
        return self.input.startswith("current")

    @property
    def full_scale(self) -> float:
        """Full scale [V rms], or [A rms] at a current input."""
        return self.sensitivity_A if self.is_current else self.sensitivity_V

    @model_validator(mode="after")
    def _only_steps(self) -> LockinOptions:
        """Refuse, when the station file is read, what the instrument would round."""
        step_in(self.TIME_CONSTANTS_S, self.time_constant_s, "time_constant_s")
        step_in(self.SENSITIVITIES_V, self.sensitivity_V, "sensitivity_V")
        step_in((step * 1e-6 for step in self.SENSITIVITIES_V), self.sensitivity_A, "sensitivity_A")
        return self


@dataclass(frozen=True)
class Recording:
    """A recording that was started.

    Attributes
    ----------
    samples : int
        How many samples were asked for.
    rate_Hz : float
        Samples a second.
    start_s, end_s : float
        Bench times at which the first and the last one are taken, by the computer's clock [s].
    aux : int or None
        The auxiliary input beside X.
    """

    samples: int
    rate_Hz: float
    start_s: float
    end_s: float
    aux: int | None


class SRSLockin(SRSDriver):
    """A lock-in that fills the role ``lockin``; the models say how their settings are spelt.

    A reading is X and Y of one instant, and then what the instrument has latched since the last reading: an overload or
    a lost reference makes it an error. After a change of harmonic, phase or sensitivity a reading waits until the
    filter has settled, and what happened meanwhile does not count.
    """

    role = "lockin"
    harmless: ClassVar[frozenset[str]] = frozenset({"reference_Hz"})
    #: Bits of the LIA status that spoil a reading, with what each means and what to do.
    spoils: ClassVar[dict[int, str]] = {}
    #: Those of them that a larger sensitivity can cure.
    overloads: ClassVar[int] = 0
    #: Of them, what no sensitivity mends is not among ``overloads``.
    input_overload: ClassVar[int] = 0
    #: The one that says that another filter is in use.
    filter_changed: ClassVar[int] = 0
    highest_harmonic: ClassVar[int] = 1
    calibrated_by = frozenset({"second_harmonic"})
    #: What the buffer holds.
    most_samples: ClassVar[int] = 1
    #: Time for both questions of a reading (over GPIB; unverified) [s].
    READING_S: ClassVar[float] = 0.02

    _settled_at = -math.inf
    _recording: Recording | None = None

    # what a model says

    def apply_reference(self) -> None:
        """Send where the reference comes from."""
        raise NotImplementedError

    def apply_input(self) -> None:
        """Send what is connected, and the slope of the filter."""
        raise NotImplementedError

    def synchronise(self) -> None:
        """Send whether the synchronous filter is wanted."""
        raise NotImplementedError

    def slope_dB(self) -> int:
        """Return the slope that is set [dB/octave]."""
        raise NotImplementedError

    def reference_Hz(self) -> float:
        """Return the frequency of the reference [Hz]."""
        raise NotImplementedError

    def recording_rate_Hz(self, rate_Hz: float) -> float:
        """Return the rate that a recording would use for this one [Hz]."""
        raise NotImplementedError

    def begin(self, rate_Hz: float, samples: int, aux: int | None) -> float:
        """Start to record, with the start as the last command, and return the rate [Hz]."""
        raise NotImplementedError

    def recorded(self) -> int:
        """Return how many samples there are."""
        raise NotImplementedError

    def fetch(self, samples: int) -> NDArray[np.float64]:
        """Return the first samples, one row each."""
        raise NotImplementedError

    def end(self) -> None:
        """Stop to record, when the samples have been fetched."""

    # the role

    def configure(self) -> None:
        """Send all options and look which filter they make; the outputs of the instrument are left alone."""
        options, lockin = self.options, self.instrument
        with self.exchange():
            lockin.clear()
            self.apply_reference()
            if options.reference == "internal" and options.frequency_Hz is not None:
                lockin.harmonic = 1  # the old harmonic of the new frequency may be beyond the instrument
                lockin.frequency = options.frequency_Hz
            lockin.harmonic = options.harmonic
            lockin.phase = options.phase_deg
            # After the frequency: it decides how long a time constant may be, and on the synchronous filter.
            self.apply_input()
            self.synchronise()
            lockin.time_constant = step_in(lockin.TIME_CONSTANTS, options.time_constant_s, "time_constant_s")
            lockin.input_coupling = options.coupling
            lockin.input_grounding = options.grounding.capitalize()
            self._send_sensitivity(options.full_scale)
            self.raise_errors()
        self._look_at_filter()
        self._settle()

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes, without settling [s]."""
        return self.READING_S

    @property
    def settling_s(self) -> float:
        """How long after a step of the input the output is within 0.1 % of it [s].

        The RC cascade's time, and with the synchronous filter one period of what is detected.
        """
        return SETTLING_TAU[self._slope_dB] * self._time_constant_s + self._period_s

    @property
    def time_constant_s(self) -> float:
        """Time constant of each pole of the filter [s]."""
        return self._time_constant_s

    @property
    def poles(self) -> int:
        """Poles of the filter, 6 dB/octave each."""
        return self._slope_dB // 6

    @property
    def time_constants_s(self) -> tuple[float, ...]:
        """The time constants that there are [s]."""
        return tuple(self.instrument.TIME_CONSTANTS)

    def set_time_constant(self, time_constant_s: float) -> None:
        """Set the time constant of each pole [s]; the next reading waits."""
        try:
            step = step_in(self.instrument.TIME_CONSTANTS, time_constant_s, "time_constant_s")
        except ValueError as error:
            raise LimitError(f"{self.who}: {error}; nothing was sent") from None
        with self.exchange():
            self.send(time_constant=step)
            self._look_at_filter()
            self._settle()

    def set_harmonic(self, harmonic: int) -> None:
        """Detect at this multiple of the reference's frequency; the next reading waits."""
        if not 1 <= harmonic <= self.highest_harmonic:
            raise LimitError(
                f"{self.who}: harmonic {harmonic} asked, allowed 1 to {self.highest_harmonic}; nothing was sent"
            )
        if self.measured(lambda: self.instrument.harmonic, "HARM?") == harmonic:
            return
        with self.exchange():
            self.send(harmonic=harmonic)
            if self.options.synchronous:  # switched off by what is detected above 200 Hz, and not on again
                self.synchronise()
            self._look_at_filter()
            self._settle()

    def set_phase(self, phase_deg: float) -> None:
        """Shift the reference [deg]; the next reading waits."""
        if not -360.0 <= phase_deg <= 360.0:
            raise LimitError(f"{self.who}: phase of {phase_deg:g} deg asked, allowed -360 to 360; nothing was sent")
        with self.exchange():
            self.send(phase=phase_deg)
            self._settle()

    def known_resistor(self) -> Mapping[str, tuple[float, float]] | None:
        """Return what source and lock-ins made of a known resistor, by name with sigma; None without a calibration."""
        found = self.calibrations.get("second_harmonic")
        return None if found is None else {name: found.value(name, unit) for name, unit in KNOWN_RESISTOR.items()}

    def settle(self) -> None:
        """Let the next reading wait until the output has settled; what was latched before does not count."""
        with self.exchange():
            self._settle()

    def read_phasor(self) -> complex:
        """Return X + iY [V rms, or A rms at a current input]."""
        phasor, status = self._take()
        self._refuse(status)
        return phasor

    def read_aux(self, number: int) -> float:
        """Return the dc voltage at an auxiliary input, 1 to 4 [V]."""
        if number not in (1, 2, 3, 4):
            raise LimitError(f"{self.who}: auxiliary input {number} asked, allowed 1 to 4; nothing was sent")
        return self.measured(lambda: getattr(self.instrument, f"aux_in_{number}"), f"OAUX? {number}")

    def set_sensitivity(self, full_scale: float) -> None:
        """Set the full scale [V rms, or A rms at a current input]; the next reading waits."""
        with self.exchange():
            try:
                self._send_sensitivity(full_scale)
            except ValueError as error:
                raise LimitError(f"{self.who}: {error}; nothing was sent") from None
            self.raise_errors()
            self._settle()

    def auto_sensitivity(self, should_stop: Callable[[], bool] | None = None) -> float:
        """Find the smallest full scale that leaves a quarter above the signal, set it and return it.

        It is done here rather than by the instrument, whose own search does nothing at time constants above 1 s, says
        nothing of its result, and answers nothing while it lasts.

        Raises
        ------
        InstrumentError
            If the input overloads at the largest full scale, or the reference is not locked.
        """
        steps = sorted(step * self._unit for step in self.instrument.SENSITIVITIES)
        tried: set[float] = set()
        while True:
            present = step_in(steps, self._sensitivity(), "SENS?")
            phasor, status = self._take(should_stop)
            if should_stop is not None and should_stop():
                return present
            if status & self.overloads:
                tried.add(present)
                wanted = next((step for step in steps if step > present), None)
                if wanted is None:
                    self._refuse(status)
                    return present
            else:
                self._refuse(status)
                largest = max(abs(phasor.real), abs(phasor.imag), abs(phasor))
                fitting = (step for step in steps if step >= 1.25 * largest and step not in tried)
                wanted = next(fitting, steps[-1])
            if wanted == present:
                return present
            self.set_sensitivity(wanted)

    # recording

    def start_recording(self, rate_Hz: float, samples: int, *, aux: int | None = None) -> float:
        """Start storing X and Y, or X and an auxiliary input, by the instrument's own clock.

        Parameters
        ----------
        rate_Hz : float
            Samples a second; the instrument's next higher rate is used.
        samples : int
            How many.
        aux : int, optional
            Auxiliary input to be stored instead of Y.

        Returns
        -------
        float
            The rate that is used [Hz].
        """
        self._wait()
        with self.exchange():
            self._status()  # what was latched before belongs to no sample
            used_Hz = self.begin(rate_Hz, samples, aux)
            start_s = self.clock.now()
            self.raise_errors()
        self._recording = Recording(samples, used_Hz, start_s, start_s + (samples - 1) / used_Hz, aux)
        return used_Hz

    def recording_start_s(self) -> float:
        """Bench time of the first sample of the recording that was started last [s]."""
        if self._recording is None:
            raise InstrumentError(f"{self.who}: nothing was recorded; start a recording first")
        return self._recording.start_s

    def read_recording(self, should_stop: Callable[[], bool] | None = None) -> NDArray[np.float64]:
        """Wait for the recording's end and return it: X and Y, or X and the auxiliary input [V].

        Returns earlier, with what has been stored, once ``should_stop()`` is true.

        Raises
        ------
        InstrumentError
            If something overloaded or the reference was lost meanwhile, or too few samples came. The samples are still
            there: asked again, they are returned.
        """
        recording = self._recording
        if recording is None:
            raise InstrumentError(f"{self.who}: nothing was recorded; start a recording first")
        self.clock.wait_until(recording.end_s, should_stop)
        patience_s = 2.0 + 10.0 / recording.rate_Hz
        while (count := self.recorded()) < recording.samples:
            if should_stop is not None and should_stop():
                break
            if self.clock.now() > recording.end_s + patience_s:
                raise InstrumentError(
                    f"{self.who}: {count} of {recording.samples} samples came by {patience_s:g} s after the end;"
                    f" is the recording triggered, or was it stopped at the front panel?"
                )
            self.clock.sleep(min(0.5 / recording.rate_Hz, 0.05), should_stop)
        status = self._status()
        self._refuse(status)
        with self.exchange():
            rows = self.fetch(min(count, recording.samples))
            self.raise_errors()
            self.end()
        return rows

    # parts

    @property
    def _unit(self) -> float:
        """What one volt of the table of sensitivities is: at the current inputs a microampere."""
        return 1e-6 if self.options.is_current else 1.0

    def _send_sensitivity(self, full_scale: float) -> None:
        steps = self.instrument.SENSITIVITIES
        self.instrument.sensitivity = step_in(steps, full_scale / self._unit, "sensitivity")

    def _sensitivity(self) -> float:
        return self.measured(lambda: self.instrument.sensitivity, "SENS?") * self._unit

    def _look_at_filter(self) -> None:
        """Learn what the filter really is: another setting may have changed it."""
        self._time_constant_s = self.measured(lambda: self.instrument.time_constant, "OFLT?")
        self._slope_dB = self.slope_dB()
        self._period_s = 0.0
        if self.options.synchronous:
            detected_Hz = self.reference_Hz() * self.measured(lambda: self.instrument.harmonic, "HARM?")
            if 0.0 < detected_Hz < SYNCHRONOUS_BELOW_HZ:
                self._period_s = 1.0 / detected_Hz

    def _settle(self) -> None:
        self._settled_at = self.clock.now() + self.settling_s

    def _wait(self, should_stop: Callable[[], bool] | None = None) -> None:
        """Wait until the last change has settled; what was latched on the way does not count."""
        while (until_s := self._settled_at) > -math.inf:
            self.clock.wait_until(until_s, should_stop)
            if should_stop is not None and should_stop():
                return
            with self.exchange():
                if self._settled_at == until_s:  # no other thread has changed something meanwhile
                    self._status()
                    self._settled_at = -math.inf

    def _take(self, should_stop: Callable[[], bool] | None = None) -> tuple[complex, int]:
        """Return one reading with the status that goes with it."""

        def take() -> tuple[complex, int]:
            values = self.instrument.snap("X", "Y")
            if len(values) != 2:
                raise GarbledReplyError(f"{self.who}: the reply to SNAP? has {len(values)} values instead of 2")
            x, y = (self.number(value, "SNAP?") for value in values)
            # The status is cleared by being read: if its reply is lost, the reading is taken again with it.
            self.instrument.write("LIAS?")
            return complex(x, y), int(self.number(self.instrument.read(), "LIAS?"))

        while True:
            self._wait(should_stop)
            with self.exchange():
                settled = self._settled_at == -math.inf
                if settled or (should_stop is not None and should_stop()):
                    return self.instrument.adapter.ask_again(take)

    def _status(self) -> int:
        return int(self.number(self.instrument.ask("LIAS?"), "LIAS?"))

    def _refuse(self, status: int) -> None:
        if status & self.filter_changed:
            self._look_at_filter()
        if problems := [text for bit, text in self.spoils.items() if status & bit]:
            overloaded = bool(status & self.overloads)
            if overloaded:
                problems.append(
                    f"full scale is {self._sensitivity():g}, see [roles.{self.limits.role}.options] in"
                    f" {self.limits.station}"
                )
            error = OverloadError if overloaded or status & self.input_overload else InstrumentError
            raise error(f"{self.who}: since the last reading {'; '.join(problems)}")
