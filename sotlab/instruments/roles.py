"""Roles: what a procedure asks for, in SI units; any driver of that kind can fill one.

A role has no more in it than procedures need. Times that have to be waited are reported by the instrument, never
guessed by who calls it. All times are seconds of the station's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

__all__ = ["ROLES", "Actuator", "Field", "Gaussmeter", "Microwave", "Role", "Voltmeter"]


@runtime_checkable
class Role(Protocol):
    """What every instrument on a station can do."""

    def identify(self) -> str:
        """Return the instrument's identity as it gives it itself."""
        ...

    def close(self) -> None:
        """Close the connection; nothing is switched."""
        ...


@runtime_checkable
class Actuator(Role, Protocol):
    """A role that drives something and therefore has a safe state."""

    @property
    def safe_state(self) -> str:
        """What :meth:`make_safe` brings about, in a few words."""
        ...

    def make_safe(self) -> None:
        """Reach the safe state; may be called at any time, twice, and returns in bounded time."""
        ...


@runtime_checkable
class Field(Actuator, Protocol):
    """A magnet: the applied field mu0*H along its axis."""

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to ``field_T`` at the station's rate and return when it has been reached and has settled.

        Returns early, holding the field reached, once ``should_stop()`` is true.

        Raises
        ------
        LimitError
            If the station does not allow that field; nothing is sent then.
        """
        ...

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``."""
        ...

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return how long :meth:`ramp_to` takes between two fields [s]."""
        ...


@runtime_checkable
class Gaussmeter(Role, Protocol):
    """A field probe."""

    @property
    def zero_sigma_T(self) -> float:
        """Standard uncertainty of the probe's zero [T], common to all readings."""
        ...

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def read_field(self) -> float:
        """Return mu0*H at the probe [T]."""
        ...


@runtime_checkable
class Microwave(Actuator, Protocol):
    """A microwave source."""

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change of frequency, power or state [s]."""
        ...

    def set_frequency(self, frequency_Hz: float) -> None:
        """Set the frequency [Hz]; LimitError outside the station's limits."""
        ...

    def set_power(self, power_dBm: float) -> None:
        """Set the power at the source's connector [dBm]; LimitError outside the station's limits."""
        ...

    def set_output(self, on: bool) -> None:
        """Switch the output."""
        ...

    def check(self, *, frequency_Hz: float | None = None, power_dBm: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting."""
        ...


@runtime_checkable
class Voltmeter(Role, Protocol):
    """A dc voltmeter."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def read_voltage(self) -> float:
        """Return the voltage [V], averaged over the instrument's integration time.

        Raises
        ------
        InstrumentError
            If the input is overloaded.
        """
        ...


#: The roles that have a Protocol so far, by the name that a station file uses.
ROLES: dict[str, type] = {"field": Field, "gaussmeter": Gaussmeter, "microwave": Microwave, "voltmeter": Voltmeter}
