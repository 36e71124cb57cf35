"""From a campaign file to its runs: the loops written out, every one checked before the first is started."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pymeasure.experiment import Procedure

from sotlab.errors import PlanError, SotlabError, StationError
from sotlab.instruments.station_file import StationConfig, load_sample
from sotlab.procedures.runs.campaign_checks import check_analyses
from sotlab.procedures.runs.campaign_file import CampaignFile, Item, Range, Value
from sotlab.procedures.runs.installed import find_procedure, make_procedure
from sotlab.procedures.runs.scan import Scan
from sotlab.units import as_typed, parse_quantity

__all__ = ["CALIBRATIONS", "Job", "check_places", "list_jobs"]

CALIBRATIONS = "sotlab.calibrations"

#: Most runs that one campaign may have.
MOST_JOBS = 10_000


@dataclass(frozen=True)
class Job:
    """One run of a campaign.

    Parameters
    ----------
    item : str
        Name of its item in the file.
    label : str
        What people call it: the item, and where in its loops.
    procedure_class : type
        What is run.
    values : mapping
        The parameters that are set, without station, sample and device.
    station, sample, device : str
        Empty where none is named.
    number : int
        Which of the runs with all of this equal, from 0.
    calibrates : bool
        Whether what is found is for the station to use.
    source : str
        Where the procedure is, found from anywhere: ``module:Class``, or ``file.py:Class`` with the whole path.
    """

    item: str
    label: str
    procedure_class: type[Procedure]
    values: dict[str, Value]
    station: str = ""
    sample: str = ""
    device: str = ""
    number: int = 0
    calibrates: bool = False
    source: str = ""
    parameters: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        asked = {"station": self.station, "sample": self.sample, "device": self.device}
        named = {name: value for name, value in asked.items() if value} if self.is_scan else {}
        object.__setattr__(self, "parameters", {**self.values, **named})

    @property
    def is_scan(self) -> bool:
        """Whether it is one of our scans; a stock PyMeasure procedure opens what it needs by itself."""
        return issubclass(self.procedure_class, Scan)

    @cached_property
    def key(self) -> str:
        """What this run is, as text: by this the journal knows it again, also after the file was edited."""
        what = [self.item, self.procedure_class.__name__, self.values, self.station, self.sample, self.device]
        return json.dumps([*what, self.number], sort_keys=True)

    def make(self) -> Any:
        """Return the procedure with its parameters."""
        return make_procedure(self.procedure_class, self.parameters)


def list_jobs(file: CampaignFile) -> list[Job]:
    """Return the runs of a campaign in their order, each checked as far as can be without instruments.

    Raises
    ------
    PlanError
        If a procedure cannot be found, a parameter is not known or its value not allowed: file, table and key are
        named.
    """
    jobs: list[Job] = []
    seen: dict[str, int] = {}
    for name, item in file.items.items():
        where = f"{file.path.name}: [items.{name}]"
        procedure_class = _procedure_class(item, where, file.path.parent)
        source = _source(item, procedure_class, file.path.parent)
        for job in _jobs_of(file, name, item, procedure_class, source, where):
            number = seen.get(job.key, 0)
            seen[job.key] = number + 1
            if number:
                job = Job(**{**_given(job), "number": number, "label": f"{job.label} ({number + 1})"})
            try:
                job.make()
            except SotlabError as error:
                raise PlanError(f"{where}: {error}") from error
            jobs.append(job)
            if len(jobs) > MOST_JOBS:
                raise PlanError(f"{where}: the campaign has more than {MOST_JOBS} runs; split it")
    check_analyses(file, {job.item: _analysis_of(job) for job in jobs})
    return jobs


def check_places(file: CampaignFile, jobs: Sequence[Job]) -> None:
    """Check that stations, samples and devices are there, and that the stations have the roles; nothing is opened.

    Raises
    ------
    PlanError
        What is missing: at three in the morning nobody would be there to read it.
    """
    loaded: dict[str, tuple[StationConfig, Path]] = {}
    checked = set()
    for job in jobs:
        place = job.item, job.station, job.sample, job.device
        if not job.is_scan or place in checked:
            continue
        checked.add(place)
        try:
            if job.station not in loaded:
                loaded[job.station] = StationConfig.load(job.station)
            config, path = loaded[job.station]
            _check_roles(job, file.items[job.item], config, path)
            if job.sample or config.station.sample is not None or not job.calibrates:
                sample = load_sample(config, path, job.sample or None)
                if job.device:
                    sample.at(job.device)
        except SotlabError as error:
            raise PlanError(f"{file.path.name}: [items.{job.item}]: {error}") from error


def _check_roles(job: Job, item: Item, config: StationConfig, path: Path) -> None:
    needed = list(job.make().ROLES)
    if item.start_when is not None:
        needed += [*item.start_when.reading, *(["interlock"] if item.start_when.interlock else [])]
    for role in needed:
        if role not in config.roles:
            raise StationError(
                f"{path.name} has no role '{role}'; it has: {', '.join(config.roles)}. Add [roles.{role}]"
            )


def _analysis_of(job: Job) -> str | None:
    """Return the analysis that a run is for, None if it has none."""
    asked = getattr(job.procedure_class, "ANALYSIS", None)
    return asked.kind if asked is not None else None


def _given(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__ if name != "parameters"}


def _procedure_class(item: Item, where: str, folder: Path) -> type[Procedure]:
    key, name = ("calibrate", item.calibrate) if item.calibrate else ("procedure", item.procedure)
    try:
        found = find_procedure(name, folder, group=CALIBRATIONS if item.calibrate else "sotlab.procedures")
    except SotlabError as error:
        raise PlanError(f"{where} {key}: {str(error).partition(': ')[2]}") from error
    except Exception as error:  # whatever a lab's own file raises when it is read
        raise PlanError(f"{where} {key}: '{name}' cannot be loaded: {type(error).__name__}: {error}") from error
    if item.calibrate and not hasattr(found, "KIND"):
        raise PlanError(f"{where} calibrate: '{name}' is no scan that calibrates")
    return found


def _source(item: Item, procedure_class: type[Procedure], folder: Path) -> str:
    module, _, class_name = (item.procedure or item.calibrate).rpartition(":")
    if module.endswith(".py"):
        return f"{(folder / module).resolve()}:{class_name}"
    return f"{procedure_class.__module__}:{procedure_class.__qualname__}"


def _jobs_of(
    file: CampaignFile, name: str, item: Item, procedure_class: type[Procedure], source: str, where: str
) -> Iterator[Job]:
    own = ("station", "sample", "device")
    for key in own:
        if key in item.set or any(key in axis if isinstance(axis, dict) else key in axis[0] for axis in item.loop):
            raise PlanError(f"{where}: {key} is no parameter here; write {key}s = [...]")
    is_scan = issubclass(procedure_class, Scan)
    stations = item.stations or [file.campaign.station]
    if is_scan and not all(stations):
        raise PlanError(f"{file.path.name}: [campaign] station is missing, and [items.{name}] has no stations")
    samples, devices = item.samples or [file.campaign.sample], item.devices or [file.campaign.device]
    needs_bench = item.start_when is not None and item.start_when.needs_bench
    if needs_bench and not is_scan and not file.campaign.station:
        raise PlanError(f"{where} start_when: instruments are asked, and [campaign] station is missing")
    if not is_scan and (item.stations or item.samples or item.devices):
        raise PlanError(f"{where}: {procedure_class.__name__} is no Scan: it takes no stations, samples or devices")
    axes = [_settings(axis, procedure_class, f"{where} loop") for axis in item.loop]
    if math.prod(len(axis) for axis in axes) > MOST_JOBS:
        raise PlanError(f"{where} loop: more than {MOST_JOBS} runs; split the campaign")
    for station, sample, device in itertools.product(stations, samples, devices):
        for combination in itertools.product(*axes):
            place = {name: value for setting in combination for name, value in setting.items()}
            words = [f"{key}={value}" for key, value in place.items()]
            several = (("stations", station), ("samples", sample), ("devices", device))
            words += [value for key, value in several if len(getattr(item, key)) > 1]
            yield Job(
                item=name,
                label=f"{name} [{', '.join(words)}]" if words else name,
                procedure_class=procedure_class,
                values={**item.set, **place},
                station=file.beside(station) if is_scan else "",
                sample=file.beside(sample) if is_scan else "",
                device=device if is_scan else "",
                calibrates=bool(item.calibrate),
                source=source,
            )


def _settings(axis: list[dict[str, Value]] | dict[str, Range], procedure_class: type[Procedure], where: str) -> Any:
    """Return the settings along one axis of a loop."""
    if isinstance(axis, list):
        return axis
    ((name, span),) = axis.items()
    parameter = procedure_class().parameter_objects().get(name)
    if parameter is None:
        known = ", ".join(procedure_class().parameter_objects())
        raise PlanError(f"{where}: {procedure_class.__name__} has no parameter '{name}'; it has: {known}")
    unit = getattr(parameter, "units", None)
    try:
        start, stop = (parse_quantity(str(value), unit) for value in (span.start, span.stop))
        step = None if span.step is None else parse_quantity(str(span.step), unit)
    except SotlabError as error:
        raise PlanError(f"{where}: {name}: {error}") from error
    if step is not None:
        steps = (stop - start) / step if step else math.inf
        if not 0.0 <= steps < MOST_JOBS:
            raise PlanError(f"{where}: {name}: no steps of {span.step} lead from {span.start} to {span.stop}")
        count = math.floor(steps + 1e-9) + 1
    else:
        count, step = span.points or 1, (stop - start) / max((span.points or 1) - 1, 1)
    # Rounded to where binary fractions end: 0.1 + 2 * 0.1 is to be 0.3, as it would be typed.
    return [{name: as_typed(float(f"{start + k * step:.12g}"), unit)} for k in range(count)]
