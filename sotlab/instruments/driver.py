"""What drivers have in common: one instrument that fills one role, in SI units, within the station's limits.

A driver is found by its entry point (group ``sotlab.drivers``), or named in a station file as ``module:Class`` or
``file.py:Class``. Adding one: subclass :class:`Driver`, say which PyMeasure instrument it talks through, which
options it takes and which quantities can be limited, and write the methods of the role (``roles.py``).
``lakeshore_475.py`` is the shortest example.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from sotlab.clock import Clock
from sotlab.errors import GarbledReplyError, InstrumentError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.connection import Connection, exclusive
from sotlab.units import as_typed

__all__ = ["Driver", "Limits", "Options", "name_and_unit"]

T = TypeVar("T")


def name_and_unit(quantity: str) -> tuple[str, str]:
    """Return name and unit of a quantity: of ``field_T``, of ``amplitude_A_peak``; a rate is a name without unit."""
    if "_per_" in quantity or "_" not in quantity:
        return quantity, ""
    name, unit = quantity.rsplit("_", 1)
    if unit in ("peak", "rms"):
        kind, (name, unit) = unit, name.rsplit("_", 1)
        name = f"{kind} {name}"
    return name, unit


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
    reasons : mapping of str to str
        Why a quantity is limited, where it is not the station file that says so.
    """

    role: str
    station: str
    ranges: Mapping[str, tuple[float, float]]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def check(self, quantity: str, value: float) -> None:
        """Raise LimitError unless ``value`` is allowed (nan never is)."""
        low, high = self.ranges[quantity]
        if low <= value <= high:
            return
        name, unit = name_and_unit(quantity)
        reason = self.reasons.get(quantity, f"{self.station}, [roles.{self.role}.limits] {quantity}")
        raise LimitError(
            f"{self.role}: {name} of {as_typed(float(value), unit)} asked, allowed {as_typed(low, unit)} to"
            f" {as_typed(high, unit)} ({reason}); nothing was sent. Ask for less, or edit the limit"
        )

    def narrowed(self, quantity: str, most: float, reason: str) -> Limits:
        """Return the limits with ``-most ... most`` for a quantity where that is narrower."""
        low, high = self.ranges[quantity]
        if low >= -most and high <= most:
            return self
        ranges = {**self.ranges, quantity: (max(low, -most), min(high, most))}
        return replace(self, ranges=ranges, reasons={**self.reasons, quantity: reason})


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
    others : mapping of str to Driver
        The open drivers of the roles that :meth:`needs` names.
    operator : callable, optional
        Tells the person at the bench what to do, and returns when it is done.
    calibrations : mapping of str to Calibration, optional
        The role's calibrations by kind; only kinds in ``calibrated_by``.
    """

    #: Name of the role that the driver fills; also every other role that asks for the same (``lockin_1w``).
    role: ClassVar[str]
    #: The PyMeasure instrument class; None for a driver that talks through other roles, or to the operator.
    instrument_class: ClassVar[Callable[..., Any] | None] = None
    #: What the identity must match; another model at this address is an error.
    identity: ClassVar[str] = ""
    #: How to talk to it, as VISAAdapter takes it.
    connection: ClassVar[dict[str, Any]] = {}
    #: Methods that may be called while a run measures, since they change nothing and disturb no reading.
    harmless: ClassVar[frozenset[str]] = frozenset()
    #: The quantity that flows through the sample, which the sample file may limit: ``current_A``.
    through_sample: ClassVar[str | None] = None
    #: The kinds of calibration that it takes from the station file.
    calibrated_by: ClassVar[frozenset[str]] = frozenset()
    #: What the hardware can do, per quantity that a station may limit further.
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {}

    #: The options it takes from the station file.
    options_model: ClassVar[type[Options]] = Options

    def __init__(
        self,
        instrument: Any,
        options: Any,
        limits: Limits,
        clock: Clock,
        *,
        others: Mapping[str, Any] | None = None,
        operator: Callable[[str], None] | None = None,
        calibrations: Mapping[str, Calibration] | None = None,
    ) -> None:
        self.instrument = instrument
        self.options = options
        self.limits = limits
        self.clock = clock
        self.others = dict(others or {})
        self.operator = operator
        self.calibrations = dict(calibrations or {})
        self.use_calibrations()

    @classmethod
    def needs(cls, options: Any) -> tuple[str, ...]:
        """Return the roles through which this driver works; they are opened before it."""
        return ()

    @classmethod
    def open(cls, connection: Connection | None, options: Options, limits: Limits, clock: Clock, **more: Any) -> Driver:
        """Check that the right model answers, and return the driver; nothing is switched.

        Parameters
        ----------
        connection : Connection or None
            Open already; None for a driver without an instrument of its own.
        options, limits, clock, **more
            As in :class:`Driver`.

        Raises
        ------
        InstrumentError
            If nothing answers, or another model than the driver's.
        StationError
            If a calibration lacks what the driver needs, or is of another instrument, or if the instrument takes other
            values than the options.
        """
        instrument = None
        if connection is not None and cls.instrument_class is not None:
            instrument = exclusive(cls.instrument_class)(connection)
        driver = cls(instrument, options, limits, clock, **more)
        identity = driver.identify()
        if connection is not None and not cls.is_for(identity):
            raise WrongInstrumentError(
                f"{limits.role} at {connection.address}: '{identity}' answers, driver {cls.__name__} of"
                f" {cls.__module__} is for '{cls.identity}'; check the address, or the driver in the station file",
                identity,
            )
        for calibration in driver.calibrations.values():
            calibration.check_instrument(limits.role, identity)
        try:
            driver.configure()
        except ValueError as error:  # PyMeasure's validators, of what the options let pass
            raise StationError(
                f"{limits.station}: [roles.{limits.role}.options] {error}; correct the option, and let the driver"
                f" {cls.__name__} of {cls.__module__} refuse it by its bounds"
            ) from error
        return driver

    @classmethod
    def is_for(cls, identity: str) -> bool:
        """Return whether an instrument of this identity is one that the driver is for."""
        return re.search(cls.identity, identity, re.IGNORECASE) is not None

    @property
    def who(self) -> str:
        """Role and address, for messages."""
        address = getattr(getattr(self.instrument, "adapter", None), "address", None)
        return self.limits.role if address is None else f"{self.limits.role} at {address}"

    def identify(self) -> str:
        """Return the answer to ``*IDN?``."""
        return str(self.instrument.ask("*IDN?")).strip()

    def use_calibrations(self) -> None:
        """Take what is needed from ``calibrations``, before anything is asked of the instrument."""

    def configure(self) -> None:
        """Bring the instrument into the state that the driver relies on; nothing is switched on."""

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

    def measured(self, ask: Callable[[], Any], what: str) -> float:
        """Return the number that a question is answered with; otherwise as :meth:`answered`."""
        return self.answered(lambda: self.number(ask(), what), what)

    def answered(self, ask: Callable[[], T], what: str) -> T:
        """Return what a question is answered with; asked again, by policy, if the answer makes no sense.

        Every reading goes through here, or through :meth:`measured` if it is a number, with one exception: what a
        question clears by being asked (an error queue, an event register) is asked once and read by :meth:`number`.

        Parameters
        ----------
        ask : callable
            Asks, and returns the answer: ``lambda: self.instrument.output_enabled``. PyMeasure's maps, casts and checks
            raise KeyError, ValueError, IndexError, TypeError or ConnectionError for a wrong reply.
        what : str
            The question, for messages, and to tell whether it may be asked again (``retry.py``).

        Raises
        ------
        GarbledReplyError
            If the answer still makes no sense.
        """

        def once() -> T:
            try:
                return ask()
            except (LookupError, ValueError, TypeError, ConnectionError) as error:
                problem = error.args[0] if error.args else error
                raise GarbledReplyError(
                    f"{self.who}: the reply to {what} makes no sense ({problem}); check the address and the model"
                ) from error

        ask_again = getattr(getattr(self.instrument, "adapter", None), "ask_again", None)
        return once() if ask_again is None else ask_again(once, what)  # None: an adapter of PyMeasure's own

    def number(self, value: Any, what: str) -> float:
        """Return a reply as a finite float, or raise GarbledReplyError naming the device and the reply."""
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = math.nan
        if not math.isfinite(found):
            raise GarbledReplyError(
                f"{self.who}: the reply {value!r} to {what} is not a number; check the address and the model"
            )
        return found
