"""Lake Shore 425 gaussmeter with a high-sensitivity probe, measuring dc fields.

Wired to the bench's ``gaussmeter_T`` and ``zero_gaussmeter``, as the Model 475. In ac mode it reads 0: no bench has an
ac field. Not modelled, so refused: maximum hold, alarms, relays, probe compensation.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import LabDevice, command, query, setting
from sotlab.simulated.instruments.lakeshore_475 import MANUAL_425, PER_TESLA, engineering
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Number

__all__ = ["LakeShore425"]

#: Full scale of the ranges 1 to 4 (35 G to 35 kG) [T], and counts over each.
RANGES_T = (3.5e-3, 35e-3, 0.35, 3.5)
COUNTS = 35_000
DC, AC = 1, 2
IN_DRIVER = "unverified; header in PyMeasure"

SWITCH = Number(minimum=0, maximum=1, integer=True)
ONE_OR_TWO = Number(minimum=1, maximum=2, integer=True)


class LakeShore425(LabDevice):
    """A gaussmeter; it has no error queue, only the bits of the event status register."""

    manufacturer: ClassVar[str] = "LSCI"
    model: ClassVar[str] = "MODEL425"
    version: ClassVar[str] = "1.0"

    unit = setting("UNIT", default=1, minimum=1, maximum=4, integer=True, resets=False, source=f"{MANUAL_425}, p. 57")
    probe_type = setting("TYPE", default=40, read_only=True, integer=True, source=f"{MANUAL_425}, p. 57")
    relative = setting(
        "REL", default=0, minimum=0, maximum=1, integer=True, resets=False, source=f"{MANUAL_425}, p. 56"
    )

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._range: int | None = None  # None is autorange
        self._mode = (DC, 0, 1)
        self._reference_T = self._greatest_T = 0.0

    @command("RANGE", Number(minimum=1, maximum=4, integer=True), source=IN_DRIVER)
    def set_range(self, number: int) -> None:
        """Hold one range, 1 the most sensitive."""
        self._range = number

    @query("RANGE", source=IN_DRIVER)
    def range_in_use(self) -> int:
        """Return the number of the range in use."""
        return RANGES_T.index(self._scale_T(self._field_T())) + 1

    @command("AUTO", Number(minimum=0, maximum=1, integer=True, optional=True), source=IN_DRIVER)
    def set_auto(self, on: int = 1) -> None:
        """Switch autorange on or off; without a number on."""
        self._range = None if on else self.range_in_use()

    @query("AUTO", source="unverified")
    def auto(self) -> int:
        """Return whether autorange is on."""
        return int(self._range is None)

    @query("RDGFIELD", source=f"{IN_DRIVER}; format as of the Model 475's readings")
    def read_field(self) -> str:
        """Return the field in the chosen unit; beyond the range the full scale."""
        return engineering(self._shown_T() * PER_TESLA[self.unit])

    @query("RDGMX", source=f"{MANUAL_425}, p. 56")
    def read_greatest(self) -> str:
        """Return the greatest field that was asked for; the display would keep one that nobody asked for, too."""
        self._shown_T()
        return engineering(self._greatest_T * PER_TESLA[self.unit])

    @query("RDGMNMX", source=f"{MANUAL_425}, p. 56")
    def read_extremes(self) -> str:
        """Return zero and the greatest field, as this model does for programs of its sisters."""
        return f"{engineering(0.0)},{self.read_greatest()}"

    @query("RDGREL", source=f"{MANUAL_425}, p. 56")
    def read_relative(self) -> str:
        """Return the field less the setpoint of the relative mode."""
        return engineering((self._shown_T() - self._reference_T) * PER_TESLA[self.unit])

    @command("RELSP", Number(minimum=-1e9, maximum=1e9), source=f"{MANUAL_425}, p. 57")
    def set_reference(self, field: float) -> None:
        """Set what relative readings are relative to, in the chosen unit."""
        self._reference_T = field / PER_TESLA[self.unit]

    @query("RELSP", source=f"{MANUAL_425}, p. 57")
    def reference(self) -> str:
        """Return what relative readings are relative to."""
        return engineering(self._reference_T * PER_TESLA[self.unit])

    @command("RDGMODE", ONE_OR_TWO, SWITCH, ONE_OR_TWO, source=f"{MANUAL_425}, p. 56")
    def set_mode(self, mode: int, filtered: int, band: int) -> None:
        """Set dc or ac, the filter and the band; filter and band change nothing here."""
        self._mode = (mode, filtered, band)

    @query("RDGMODE", source=f"{MANUAL_425}, p. 56")
    def mode(self) -> str:
        """Return mode, filter and band."""
        return ",".join(str(number) for number in self._mode)

    @command("ZPROBE", source=IN_DRIVER)
    def zero_probe(self) -> None:
        """Take the present reading for zero: on the bench, with the probe in a zero-gauss chamber."""
        self.bench.zero_gaussmeter(self.lab.clock.now())

    def _field_T(self) -> float:
        return self.bench.gaussmeter_T(self.lab.clock.now()) if self._mode[0] == DC else 0.0

    def _shown_T(self) -> float:
        field_T = self._field_T()
        scale_T = self._scale_T(field_T)
        shown_T = quantise(min(max(field_T, -scale_T), scale_T), scale_T / COUNTS)
        self._greatest_T = max(self._greatest_T, abs(shown_T))
        return shown_T

    def _scale_T(self, field_T: float) -> float:
        if self._range is not None:
            return RANGES_T[self._range - 1]
        return next((scale_T for scale_T in RANGES_T if abs(field_T) <= scale_T), RANGES_T[-1])
