"""What a commissioning found, as a dated JSON file beside the calibrations, and how it differs from last time's."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sotlab.errors import DataError, RunError
from sotlab.instruments.write_once import write_once

__all__ = ["SCHEMA", "Outcome", "Record"]

#: Version of what stands in a file.
SCHEMA = 1


@dataclass(frozen=True)
class Outcome:
    """One check: its number, its limit, its verdict.

    ``low`` and ``high`` are None where there is no limit. ``verdict`` is pass, fail, not_determined or left_out;
    ``change`` is the value less last time's over the sigma of that difference.
    """

    check: str
    title: str
    unit: str
    roles: list[str]
    verdict: str = "left_out"
    value: float | None = None
    sigma: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    run: str | None = None
    instruments: dict[str, str] = field(default_factory=dict)
    last: dict[str, Any] | None = None
    change: float | None = None


@dataclass(frozen=True)
class Record:
    """All checks of one commissioning."""

    station: str
    date: datetime
    sotlab: str
    simulated: bool
    checks: list[Outcome]

    @property
    def whose(self) -> tuple[str, bool]:
        """The station, and whether it is simulated: what can be compared."""
        return self.station, self.simulated

    @property
    def verdict(self) -> str:
        """``fail`` if one failed, else ``not_determined`` if one was not determined or none was done, else ``pass``."""
        verdicts = {outcome.verdict for outcome in self.checks} - {"left_out"}
        if "fail" in verdicts:
            return "fail"
        return "pass" if verdicts == {"pass"} else "not_determined"

    def compared_with(self, last: Record | None) -> Record:
        """Return it with what each check found last time, and the difference in sigma."""
        if last is None:
            return self
        before = {outcome.check: outcome for outcome in last.checks}
        checks = [_compared(outcome, before.get(outcome.check), last.date) for outcome in self.checks]
        return Record(self.station, self.date, self.sotlab, self.simulated, checks)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "schema": SCHEMA,
            "kind": "commissioning",
            "station": self.station,
            "date": self.date.isoformat(),
            "sotlab": self.sotlab,
            "simulated": self.simulated,
            "verdict": self.verdict,
            "checks": [asdict(outcome) for outcome in self.checks],
        }

    def write(self, folder: Path) -> Path:
        """Write ``commissioning-<date>-<time>.json`` into a folder, which is made; nothing is ever written over.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        stem = f"commissioning-{self.date:%Y%m%d-%H%M%S}"
        text = json.dumps(self.as_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return write_once(folder, stem, ".json", text, "commissioning", RunError)

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read a file.

        Raises
        ------
        DataError
            If it cannot be read, or is none of ours.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA or content["kind"] != "commissioning":
                raise ValueError(f"schema {content['schema']}, kind '{content['kind']}'")
            return cls(
                station=content["station"],
                date=datetime.fromisoformat(content["date"]),
                sotlab=content["sotlab"],
                simulated=content["simulated"],
                checks=[Outcome(**outcome) for outcome in content["checks"]],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: this is no commissioning that can be read: {error}; move it away") from error

    @classmethod
    def latest(cls, folder: Path, station: str, simulated: bool) -> Record | None:
        """Return the last one of a station in a folder, if there is one; a simulated bench is not a real one.

        Raises
        ------
        DataError
            If a file there is damaged.
        """
        records = [cls.load(path) for path in folder.glob("commissioning-*.json")]
        whose = (station, simulated)
        ours = [record for record in records if record.whose == whose]
        return max(ours, key=lambda record: record.date, default=None)


def _compared(now: Outcome, before: Outcome | None, date: datetime) -> Outcome:
    if before is None or before.value is None or before.sigma is None:
        return now
    last = {"value": before.value, "sigma": before.sigma, "date": date.isoformat(), "instruments": before.instruments}
    change = None
    if now.value is not None and now.sigma is not None and (sigma := math.hypot(now.sigma, before.sigma)) > 0.0:
        change = (now.value - before.value) / sigma
    return Outcome(**{**asdict(now), "last": last, "change": change})
