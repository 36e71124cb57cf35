"""Thorlabs MC2000B optical chopper.

Reference: MC2000B operating manual, chapter 5 (remote communication); blade, reference, output and harmonics can be
changed in standby only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.driver import Driver, Options

__all__ = ["MC2000B", "Chopper"]

#: Number and slots of each blade.
BLADES = {
    "MC1F2": (0, 2),
    "MC1F10": (1, 10),
    "MC1F15": (2, 15),
    "MC1F30": (3, 30),
    "MC1F60": (4, 60),
    "MC1F100": (5, 100),
    "MC1F10HP": (6, 10),
}
#: Turns per second that the motor can do.
TURNS_PER_S = (2.0, 100.0)

PROMPT = b"> "


class MC2000B(Instrument):
    """Represents the Thorlabs MC2000B optical chopper.

    A reply is the echo of the line and CR, the answer and CR if there is one, and the prompt ``> ``. A setting has no
    answer, or ``Command error ...``.
    """

    def __init__(self, adapter: Any, name: str = "Thorlabs MC2000B chopper", **kwargs: Any) -> None:
        kwargs.setdefault("read_termination", "\r")
        kwargs.setdefault("write_termination", "\r")
        kwargs.setdefault("asrl", {"baud_rate": 115200})
        super().__init__(adapter, name, includeSCPI=False, **kwargs)
        self._sent = ""

    def write(self, command: str, **kwargs: Any) -> None:
        """Write a line, and remember it: it comes back as an echo."""
        self._sent = command
        super().write(command, **kwargs)

    def read(self, **kwargs: Any) -> str:
        """Read echo, answer and prompt, and return the answer.

        Raises
        ------
        ConnectionError
            If the echo is not what was sent, or the prompt is missing.
        ValueError
            If the controller reports a command error.
        """
        return self.read_reply(lambda: super(MC2000B, self).read(**kwargs))

    def read_reply(self, read_line: Callable[[], str]) -> str:
        """Read as :meth:`read` does, given what reads to the next CR."""
        echo = read_line()
        if echo != self._sent:
            raise ConnectionError(f"the echo of {self._sent!r} is {echo!r}")
        first, answer = self.read_bytes(1), ""
        if first == PROMPT[:1]:
            prompt = first + self.read_bytes(1)
        else:
            answer = (first.decode("latin-1") + read_line()).strip()
            prompt = self.read_bytes(2)
        if prompt != PROMPT:
            raise ConnectionError(f"{prompt!r} in place of the prompt after {self._sent!r}")
        if answer.startswith("Command error"):
            raise ValueError(f"{answer} to {self._sent!r}")
        return answer

    def check_set_errors(self) -> list[Any]:
        """Read echo and prompt after a setting; raise ValueError if the controller refused it."""
        self.read()
        return []

    id = Instrument.measurement("id?", """Get the identity (str).""", cast=str, maxsplit=0)

    frequency = Instrument.control(
        "freq?",
        "freq=%d",
        """Control the frequency of the internal reference in Hz (int); the blade limits it.""",
        validator=strict_range,
        values=[1, 10_000],
        cast=int,
        check_set_errors=True,
    )

    frequency_measured = Instrument.measurement(
        "refoutfreq?", """Measure the frequency at the reference output in Hz (float)."""
    )

    enabled = Instrument.control(
        "enable?",
        "enable=%d",
        """Control whether the wheel turns (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
        check_set_errors=True,
    )

    phase = Instrument.control(
        "phase?",
        "phase=%d",
        """Control the phase between reference and wheel in degrees (int from 0 to 360).""",
        validator=strict_range,
        values=[0, 360],
        cast=int,
        check_set_errors=True,
    )

    blade = Instrument.control(
        "blade?",
        "blade=%d",
        """Control which blade is mounted, in standby only (str, as in 'MC1F10').""",
        validator=strict_discrete_set,
        values={name: number for name, (number, _) in BLADES.items()},
        map_values=True,
        check_set_errors=True,
    )

    reference = Instrument.control(
        "ref?",
        "ref=%d",
        """Control the reference, in standby only ('internal' or 'external').""",
        validator=strict_discrete_set,
        values={"internal": 0, "external": 1},
        map_values=True,
        check_set_errors=True,
    )

    reference_output = Instrument.control(
        "output?",
        "output=%d",
        """Control what the reference output follows, in standby only ('target' or 'actual').""",
        validator=strict_discrete_set,
        values={"target": 0, "actual": 1},
        map_values=True,
        check_set_errors=True,
    )

    harmonic_multiplier = Instrument.control(
        "nharmonic?",
        "nharmonic=%d",
        """Control the harmonic multiplier, in standby only (int from 1 to 15).""",
        validator=strict_range,
        values=[1, 15],
        cast=int,
        check_set_errors=True,
    )

    harmonic_divider = Instrument.control(
        "dharmonic?",
        "dharmonic=%d",
        """Control the harmonic divider, in standby only (int from 1 to 15).""",
        validator=strict_range,
        values=[1, 15],
        cast=int,
        check_set_errors=True,
    )

    def shutdown(self) -> None:
        """Stop the wheel."""
        self.enabled = False
        super().shutdown()


class ChopperOptions(Options):
    """Options of the MC2000B as ``chopper``."""

    #: Which blade is mounted, as in "MC1F10"; what the controller was told if not given.
    blade: Literal["MC1F2", "MC1F10", "MC1F15", "MC1F30", "MC1F60", "MC1F100", "MC1F10HP"] | None = None
    #: The wheel is locked while it is nearer than this to the target [Hz]; the controller shows whole Hz.
    tolerance_Hz: float = Option(default=1.0, ge=1.0, le=100.0)
    #: For how long it must be [s].
    steady_s: float = Option(default=1.0, ge=0.0, le=60.0)
    #: Within how long it must lock [s].
    lock_s: float = Option(default=60.0, gt=0.0, le=600.0)


class Chopper(Driver):
    """An MC2000B on its internal reference that fills the role ``chopper``. Safe state: the wheel coasts to rest.

    A blade at rest either blocks the beam or lets it pass: that is the shutter's business.
    """

    role = "chopper"
    instrument_class = MC2000B
    identity = r"MC2000B"
    connection: ClassVar[dict[str, Any]] = {
        "read_termination": "\r",
        "write_termination": "\r",
        "asrl": {"baud_rate": 115200},
    }
    harmless = frozenset({"check", "read_frequency"})
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"frequency_Hz": (4.0, 10_000.0)}
    options_model = ChopperOptions
    safe_state = "motor off, the wheel coasts to rest"

    #: Time between two looks at the wheel [s].
    POLL_S = 0.2

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Hold the line from a setting to its acknowledgement, and name the role in what goes wrong."""
        try:
            with self.instrument.adapter.exchange():
                yield
        except (ConnectionError, KeyError, ValueError) as error:
            self.instrument.adapter.clear()  # what is left of this reply must not be taken for the next one
            raise InstrumentError(
                f"{self.limits.role} at {self.instrument.adapter.address}: {error}; check the address and the model"
            ) from error

    def _get(self, name: str) -> Any:
        return self.answered(lambda: getattr(self.instrument, name), f"{name}?")

    def identify(self) -> str:
        """Return maker, model and version, parted by commas: there is no ``*IDN?``."""
        return ",".join(self.answered(lambda: self.instrument.id, "id?").split(maxsplit=2))

    def configure(self) -> None:
        """Tell the controller its blade, and to show where the wheel is; the wheel is neither started nor stopped."""
        wanted = {"reference": "internal", "reference_output": "actual", "harmonic_multiplier": 1}
        wanted["harmonic_divider"] = 1
        if self.options.blade is not None:
            wanted["blade"] = self.options.blade
        with self._exchange():
            running = self._get("enabled")
            for name, value in wanted.items():
                if self._get(name) == value:
                    continue
                if running:
                    raise InstrumentError(
                        f"{self.limits.role}: {name.replace('_', ' ')} must become {value}, which can be set in"
                        f" standby only; stop the wheel at the controller first"
                    )
                setattr(self.instrument, name, value)
            self._blade = self._get("blade")

    def check(self, frequency_Hz: float) -> None:
        """Raise LimitError if the station or the blade does not allow a frequency."""
        self.limits.check("frequency_Hz", frequency_Hz)
        low_Hz, high_Hz = (turns * BLADES[self._blade][1] for turns in TURNS_PER_S)
        if not low_Hz <= frequency_Hz <= high_Hz:
            raise LimitError(
                f"{self.limits.role}: {frequency_Hz:g} Hz asked, the blade {self._blade} does {low_Hz:g} to {high_Hz:g}"
                f" Hz; nothing was sent. Ask for a frequency in between, or mount another blade"
            )
        if frequency_Hz != round(frequency_Hz):
            raise LimitError(
                f"{self.limits.role}: {frequency_Hz:g} Hz asked, the controller takes whole Hz; nothing was sent"
            )

    def run_at(self, frequency_Hz: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Spin up and return when the wheel is locked, early once ``should_stop()`` is true [Hz].

        Raises
        ------
        InstrumentError
            If it has not locked in time; the message says how fast it turns.
        """
        self.check(frequency_Hz)
        with self._exchange():
            self.instrument.frequency = round(frequency_Hz)
            if not self._get("enabled"):
                self.instrument.enabled = True
        start_s = self.clock.now()
        locked_since_s: float | None = None
        while should_stop is None or not should_stop():
            seen_Hz, now_s = self.read_frequency(), self.clock.now()
            if abs(seen_Hz - frequency_Hz) > self.options.tolerance_Hz:
                locked_since_s = None
            elif locked_since_s is None:
                locked_since_s = now_s
            if locked_since_s is not None and now_s - locked_since_s >= self.options.steady_s:
                return
            if now_s - start_s > self.options.lock_s:
                raise InstrumentError(
                    f"{self.limits.role}: not locked at {frequency_Hz:g} Hz within {self.options.lock_s:g} s, the wheel"
                    f" chops at {seen_Hz:g} Hz; is it free, and the right blade mounted?"
                )
            self.clock.sleep(self.POLL_S, should_stop)

    def read_frequency(self) -> float:
        """Return the frequency at which it chops [Hz]."""
        return self.measured(lambda: self.instrument.frequency_measured, "refoutfreq?")

    def make_safe(self) -> None:
        """Switch the motor off."""
        with self._exchange():
            self.instrument.enabled = False
