"""What drivers have in common: one instrument that fills one role, in SI units, within the station's limits.

A driver is found by its entry point (group ``sotlab.drivers``), or named in a station file as ``module:Class`` or
``file.py:Class``. Adding one: subclass :class:`Driver`, say which PyMeasure instrument it talks through, which
options it takes and which quantities can be limited, and write the methods of the role (``roles.py``).
``lakeshore_475.py`` is the shortest example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyvisa
from pydantic import BaseModel, ConfigDict
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from sotlab.clock import Clock
from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError
from sotlab.units import as_typed

__all__ = ["Connection", "Driver", "Limits", "Options"]


class Options(BaseModel):
    """Base of the options that a driver takes from ``[roles.<role>.options]``; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Limits:
    """What the station allows for one role, enforced below every procedure, script and window.

    Parameters
    ----------
    role : str
        Name of the role, for messages.
    station : str
        Name of the station file, for messages.
    ranges : mapping of str to (float, float)
        Lowest and highest allowed value of each quantity, named with its unit: ``field_T``, ``power_dBm``.
    """

    role: str
    station: str
    ranges: Mapping[str, tuple[float, float]]

    def check(self, quantity: str, value: float) -> None:
        """Raise LimitError unless ``value`` is allowed (nan never is)."""
        low, high = self.ranges[quantity]
        if low <= value <= high:
            return
        name, unit = quantity.rsplit("_", 1) if "_per_" not in quantity else (quantity, "")
        raise LimitError(
            f"{self.role}: {name} of {as_typed(float(value), unit)} asked, allowed {as_typed(low, unit)} to"
            f" {as_typed(high, unit)} ({self.station}, [roles.{self.role}.limits] {quantity}); nothing was sent."
            f" Ask for less, or edit the limit"
        )


class Connection(VISAAdapter):
    """PyMeasure's VISA adapter, whose errors say which role and address did not answer."""

    def __init__(self, role: str, resource: str, visa_library: Any, **kwargs: Any) -> None:
        self.role = role
        self.address = resource
        with self._explained("open"):
            super().__init__(resource, visa_library=visa_library, **kwargs)

    def _write(self, command: str, **kwargs: Any) -> None:
        with self._explained(command):
            super()._write(command, **kwargs)

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        with self._explained("write"):
            super()._write_bytes(content, **kwargs)

    def _read(self, **kwargs: Any) -> str:
        with self._explained("read"):
            return super()._read(**kwargs)

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **kwargs: Any) -> bytes:
        with self._explained("read"):
            return super()._read_bytes(count, break_on_termchar=break_on_termchar, **kwargs)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        who = f"{self.role} at {self.address}"
        try:
            yield
        except VisaIOError as error:
            if error.error_code == StatusCode.error_timeout:
                timeout_s = getattr(self.connection, "timeout", 0.0) / 1000
                raise InstrumentTimeoutError(
                    f"{who}: no answer within {timeout_s:g} s ('{what}'); check power, cable and address"
                ) from error
            if error.error_code == StatusCode.error_resource_not_found:
                raise InstrumentError(
                    f"{who}: nothing answers at this address; check power, cable and address"
                ) from error
            raise InstrumentError(f"{who}: '{what}' failed: {error.description}") from error
        except InvalidSession as error:
            raise InstrumentError(f"{who}: the connection is closed ('{what}')") from error
        except UnicodeDecodeError as error:
            raise InstrumentError(f"{who}: the reply to '{what}' is not text: {error.object[:40]!r}") from error


class Driver:
    """One instrument that fills one role.

    Parameters
    ----------
    instrument : pymeasure.instruments.Instrument
        The PyMeasure instrument that is talked to.
    options : Options
        An instance of the driver's ``options_model``.
    limits : Limits
        The station's limits, already narrowed to what the hardware can do.
    clock : Clock
        The station's clock.
    """

    #: Name of the role that the driver fills.
    role: ClassVar[str]
    #: The PyMeasure instrument class.
    instrument_class: ClassVar[Callable[..., Any]]
    #: What the identity must match; another model at this address is an error.
    identity: ClassVar[str]
    #: Keyword arguments of the connection, as VISAAdapter takes them.
    connection: ClassVar[dict[str, Any]] = {}
    #: What the hardware can do, per quantity that a station may limit further.
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {}

    #: The options it takes from the station file.
    options_model: ClassVar[type[Options]] = Options

    def __init__(self, instrument: Any, options: Any, limits: Limits, clock: Clock) -> None:
        self.instrument = instrument
        self.options = options
        self.limits = limits
        self.clock = clock

    @classmethod
    def open(
        cls,
        role: str,
        resource: str,
        *,
        visa_library: Any,
        timeout_s: float,
        options: Options,
        limits: Limits,
        clock: Clock,
    ) -> Driver:
        """Connect, check that the right model answers, and return the driver; nothing is switched.

        Raises
        ------
        InstrumentError
            If nothing answers, or another model than the driver's.
        """
        settings = {"timeout": timeout_s * 1000, **cls.connection}
        adapter = Connection(role, resource, visa_library, **settings)
        try:
            driver = cls(cls.instrument_class(adapter), options, limits, clock)
            identity = driver.identify()
            if re.search(cls.identity, identity, re.IGNORECASE) is None:
                raise InstrumentError(
                    f"{role} at {resource}: '{identity}' answers, driver {cls.__name__} of {cls.__module__} is for"
                    f" '{cls.identity}'; check the address, or the driver in the station file"
                )
            driver.configure()
        except BaseException:
            adapter.connection.close()
            raise
        return driver

    def identify(self) -> str:
        """Return the answer to ``*IDN?``."""
        return str(self.instrument.ask("*IDN?")).strip()

    def configure(self) -> None:
        """Bring the instrument into the state that the driver relies on; nothing is switched on."""

    def close(self) -> None:
        """Close the connection; nothing is switched."""
        try:
            self.instrument.adapter.connection.close()
        except (VisaIOError, InvalidSession, pyvisa.errors.Error):
            pass  # it is closed as far as we are concerned: an unplugged instrument cannot be closed any better

    def raise_errors(self) -> None:
        """Raise InstrumentError with what the instrument's error queue holds, if it holds anything.

        The queue is read until it is empty, at most 20 times: an instrument that answers nonsense must not hang us.
        """
        errors = []
        for _ in range(20):
            reply = self.instrument.ask("SYST:ERR?").strip()
            if self.number(reply.split(",")[0], "SYST:ERR?") == 0:
                break
            errors.append(reply)
        if errors:
            raise InstrumentError(f"{self.limits.role}: the instrument reports {'; '.join(errors)}")

    def number(self, value: Any, what: str) -> float:
        """Return a reply as a finite float, or raise InstrumentError naming the device and the reply."""
        try:
            return float(value)
        except (TypeError, ValueError):
            raise InstrumentError(
                f"{self.limits.role}: the reply {value!r} to {what} is not a number; check the address and the model"
            ) from None
