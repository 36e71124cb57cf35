"""Drivers without an instrument: the person at the bench turns the knob, asked by the terminal or the window.

Each asks once for a change and remembers what it asked for; limits are checked before. Nothing can be made safe by a
program here: the safe state is what the operator left, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import Field as Option

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options
from sotlab.units import as_typed

__all__ = ["ManualDelay", "ManualField", "ManualRotator", "ManualShutter", "ManualSwitch"]


class ManualOptions(Options):
    """Options of everything that is set by hand."""

    #: What it is called when the operator is asked.
    name: str = Option(default="", max_length=60)
    #: How long a change by hand takes [s]; for estimates.
    change_s: float = Option(default=30.0, ge=0.0, le=86_400.0)


class _Manual(Driver):
    """What manual drivers have in common."""

    options_model = ManualOptions
    harmless = frozenset({"check", "move_time_s", "ramp_time_s"})
    safe_state = "as the operator left it: nothing here is driven by the program"

    #: What it is called if the station does not say.
    called: ClassVar[str]

    def identify(self) -> str:
        """Return ``operator``."""
        return "operator"

    def make_safe(self) -> None:
        """Do nothing: asking would wait for somebody who may not be there."""

    @property
    def _name(self) -> str:
        return self.options.name or self.called

    def _ask(self, message: str) -> None:
        """Have the operator do something, and return when it is done."""
        if self.operator is None:
            raise InstrumentError(f"{self.limits.role}: the operator is needed ('{message}'), and nobody is there")
        self.operator(message)


class _ManualNumber(_Manual):
    """Something whose setting is one number; ``u`` is its unit."""

    quantity: ClassVar[str]
    unit: ClassVar[str]
    verb: ClassVar[str]

    #: What the scale shows where the role's value is zero.
    _scale_zero = 0.0

    @property
    def _start(self) -> float | None:
        """What the station says that is set when it is opened."""
        raise NotImplementedError

    def configure(self) -> None:
        """Take over what the station says is set."""
        self._value = self._start

    def _set(self, value: float, should_stop: Callable[[], bool] | None) -> None:
        self.limits.check(self.quantity, value)
        if value == self._value or (should_stop is not None and should_stop()):
            return
        self._value = None  # unknown while the operator is at it, and if that fails
        self._ask(f"{self.verb} {self._name} to {as_typed(float(value) + self._scale_zero, self.unit)}")
        self._value = float(value)

    def _time_s(self, start: float, target: float) -> float:
        return 0.0 if start == target else self.options.change_s

    def _read(self, option: str) -> float:
        if self._value is None:
            raise InstrumentError(
                f"{self.limits.role}: nobody has said yet where {self._name} is; give {option} in"
                f" [roles.{self.limits.role}.options] of {self.limits.station}, or set it first"
            )
        return self._value


class ManualRotatorOptions(ManualOptions):
    """Options of :class:`ManualRotator`."""

    #: The angle when the station is opened [deg]; unknown if not given.
    start_deg: float | None = Option(default=None, ge=-3600.0, le=3600.0)


class ManualRotator(_ManualNumber):
    """A rotation axis that is turned by hand; fills ``rotator`` and ``azimuth``."""

    role = "rotator"
    calibrated_by = frozenset({"rotator_zero"})
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"angle_deg": (-360.0, 360.0)}
    options_model = ManualRotatorOptions
    quantity, unit, verb, called = "angle_deg", "deg", "turn", "the magnet"

    def use_calibrations(self) -> None:
        """Take the zero of the scale, at which the operator looks."""
        if (known := self.calibrations.get("rotator_zero")) is not None:
            self._scale_zero = known.value("zero", "deg")[0]

    @property
    def zero_deg(self) -> float:
        """Reading of the scale where the angle is zero [deg]."""
        return self._scale_zero

    @property
    def _start(self) -> float | None:
        return self.options.start_deg

    def check(self, angle_deg: float) -> None:
        """Raise LimitError if the station does not allow an angle."""
        self.limits.check("angle_deg", angle_deg)

    def move_to(self, angle_deg: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Have it turned to an angle [deg], and return when the operator says so."""
        self._set(angle_deg, should_stop)

    def move_time_s(self, from_deg: float, to_deg: float) -> float:
        """Return an estimate of how long that takes [s]."""
        return self._time_s(from_deg, to_deg)

    def read_angle(self) -> float:
        """Return the angle that was asked for last [deg]."""
        return self._read("start_deg")


class ManualFieldOptions(ManualOptions):
    """Options of :class:`ManualField`."""

    #: The field when the station is opened [T]; unknown if not given.
    start_T: float | None = Option(default=None, ge=-50.0, le=50.0)


class ManualField(_ManualNumber):
    """A magnet whose field is set by hand: a supply without a computer's port, a permanent magnet on a screw."""

    role = "field"
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"field_T": (-math.inf, math.inf)}
    options_model = ManualFieldOptions
    quantity, unit, verb, called = "field_T", "T", "set", "the field"

    @property
    def _start(self) -> float | None:
        return self.options.start_T

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow a field."""
        self.limits.check("field_T", field_T)

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Have the field set [T], and return when the operator says so."""
        self._set(field_T, should_stop)

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return an estimate of how long that takes [s]."""
        return self._time_s(from_T, to_T)


class ManualDelayOptions(ManualOptions):
    """Options of :class:`ManualDelay`."""

    #: The position when the station is opened [m]; unknown if not given.
    start_m: float | None = Option(default=None, ge=-10.0, le=10.0)


class ManualDelay(_ManualNumber):
    """A stage on a micrometer screw; fills ``delay``, but cannot scan on the fly."""

    role = "delay"
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"position_m": (-math.inf, math.inf)}
    options_model = ManualDelayOptions
    quantity, unit, verb, called = "position_m", "m", "move", "the delay stage"

    @property
    def _start(self) -> float | None:
        return self.options.start_m

    def check(self, position_m: float) -> None:
        """Raise LimitError if the station does not allow a position."""
        self.limits.check("position_m", position_m)

    def move_to(self, position_m: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Have the stage moved [m], and return when the operator says so."""
        self._set(position_m, should_stop)

    def run_up_m(self, velocity_m_per_s: float) -> float:
        """Refuse: no hand moves at constant velocity."""
        return self.start_move(math.nan, velocity_m_per_s)

    def start_move(self, position_m: float, velocity_m_per_s: float) -> float:
        """Refuse: no hand moves at constant velocity."""
        raise InstrumentError(
            f"{self.limits.role}: {self._name} is moved by hand and cannot scan on the fly; scan in steps, or fill the"
            f" role with a motorised stage"
        )

    def move_time_s(self, from_m: float, to_m: float) -> float:
        """Return an estimate of how long that takes [s]."""
        return self._time_s(from_m, to_m)

    def read_position(self) -> float:
        """Return the position that was asked for last [m]."""
        return self._read("start_m")


class ManualSwitchOptions(ManualOptions):
    """Options of :class:`ManualSwitch`."""

    #: Names that may be asked for, so that a slip is no instruction.
    terminals: list[str] = Option(min_length=1)
    #: Contacts of the sample.
    contacts: list[str] = Option(min_length=1)


class ManualSwitch(_Manual):
    """A patch panel; fills ``switch``."""

    role = "switch"
    options_model = ManualSwitchOptions
    called = "the patch panel"

    def configure(self) -> None:
        """Know nothing of what is plugged."""
        self._routes: dict[str, str] | None = None

    def connect(self, routes: Mapping[str, str]) -> None:
        """Have exactly these routes plugged (``{"I+": "1", "V-": "3"}``), and all others taken out first."""
        for terminal, contact in routes.items():
            for name, known in ((terminal, self.options.terminals), (contact, self.options.contacts)):
                if name not in known:
                    raise InstrumentError(
                        f"{self.limits.role}: '{name}' asked, {self.limits.station} has {', '.join(known)}; nobody was"
                        f" asked. Add it to [roles.{self.limits.role}.options]"
                    )
        wanted = dict(routes)
        if wanted == self._routes:
            return
        self._routes = None
        plugs = ", ".join(f"{terminal} to {contact}" for terminal, contact in wanted.items())
        order = f"then connect {plugs}, and nothing else" if plugs else "and leave it so"
        self._ask(f"at {self._name}, take out all plugs, {order}")
        self._routes = wanted


class ManualShutter(_Manual):
    """A beam block that is put in by hand; fills ``shutter``.

    Safe state: as the operator left it. Where an open beam is a danger, use a shutter that a program can close.
    """

    role = "shutter"
    called = "the beam"

    def configure(self) -> None:
        """Not know whether the beam is blocked."""
        self._open: bool | None = None

    def set_open(self, is_open: bool) -> None:
        """Have the beam unblocked or blocked, and return when the operator says so."""
        if is_open == self._open:
            return
        self._open = None
        self._ask(f"{'unblock' if is_open else 'block'} {self._name}")
        self._open = is_open
