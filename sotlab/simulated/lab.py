"""A lab: the devices of a bench file, what they are wired to, and one clock and one lock for all of them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import numpy as np
from pyvisa import constants, rname
from pyvisa_sim import parser

from sotlab.clock import Clock, RealClock
from sotlab.errors import SotlabError, StationError
from sotlab.simulated.benches.bench import shipped_samples
from sotlab.simulated.clock import ScaledClock, VirtualClock
from sotlab.simulated.device import LabDevice, PlainDevice
from sotlab.simulated.faults import Faults
from sotlab.simulated.replay import read_trace
from sotlab.simulated.timescope import scope
from sotlab.simulated.yaml_text import read_yaml

__all__ = ["Lab", "LabSpec", "shipped_benches"]

#: Where a class whose module has no package is looked for.
BENCHES, MODELS = "sotlab.simulated.benches", "sotlab.simulated.instruments"


def shipped_benches() -> dict[str, Path]:
    """Return the benches that come with sotlab, by name."""
    folder = Path(str(resources.files("sotlab.simulated"))) / "benches"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@dataclass(frozen=True)
class LabSpec:
    """Which bench, and how: ``NAME_OR_PATH[?seed=N&clock=real|virtual|FACTOR&noise=on|off&sample=NAME]``.

    The environment variable ``SOTLAB_CLOCK`` overrides the clock.
    """

    path: Path
    seed: int = 0
    clock: str = "real"
    noise: bool = True
    #: A shipped sample in place of the bench file's; "" for that.
    sample: str = ""

    @classmethod
    def parse(cls, text: str) -> LabSpec:
        """Read a specification.

        Raises
        ------
        StationError
            If there is no such bench, or an option or its value is not known.
        """
        name, _, query = text.partition("?")
        benches = shipped_benches()
        path = benches.get(name, Path(name).absolute())
        if not path.is_file():
            raise StationError(
                f"virtual lab: no bench '{name}'; shipped are {', '.join(benches) or 'none'}; "
                "give one of these or the path of a bench file"
            )
        options: dict[str, Any] = {}
        for key, value in parse_qsl(query, keep_blank_values=True):
            reader = _OPTIONS.get(key)
            if reader is None:
                raise StationError(f"virtual lab '{text}': no option '{key}'; allowed are {', '.join(_OPTIONS)}")
            options[key] = reader(key, value)
        if "SOTLAB_CLOCK" in os.environ:
            options["clock"] = _clock_option("SOTLAB_CLOCK", os.environ["SOTLAB_CLOCK"])
        return cls(Path(os.path.normcase(path.resolve())), **options)

    def make_clock(self) -> Clock:
        """Return a new clock of the kind asked for."""
        if self.clock == "real":
            return RealClock()
        return VirtualClock() if self.clock == "virtual" else ScaledClock(float(self.clock))


def _seed_option(key: str, value: str) -> int:
    if not value.isdecimal():
        raise StationError(f"virtual lab: {key}={value} asked, allowed is a whole number from 0")
    return int(value)


def _clock_option(key: str, value: str) -> str:
    try:
        fits = value in ("real", "virtual") or 0 < float(value) < float("inf")
    except ValueError:
        fits = False
    if not fits:
        raise StationError(f"virtual lab: {key}={value} asked, allowed are real, virtual or a factor above 0")
    return value


def _noise_option(key: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise StationError(f"virtual lab: {key}={value} asked, allowed are on and off")
    return value == "on"


def _sample_option(key: str, value: str) -> str:
    shipped = [name.removesuffix(".yaml") for name in shipped_samples()]
    if value not in shipped:
        raise StationError(f"virtual lab: {key}={value} asked, there are {', '.join(shipped)}")
    return value


_OPTIONS: dict[str, Callable[[str, str], Any]] = {
    "seed": _seed_option,
    "clock": _clock_option,
    "noise": _noise_option,
    "sample": _sample_option,
}


class Lab:
    """One virtual lab.

    Parameters
    ----------
    spec : LabSpec
        Bench file, seed, clock and noise.

    Attributes
    ----------
    clock : Clock
        Bench time.
    lock : threading.RLock
        Held while any device works: one for the lab, since a command to one device reaches others through the sample.
    inventory : dict of LabDevice
        Every device, by VISA resource name; :attr:`devices` are those that are plugged in.
    faults : Faults
        What goes wrong.
    start_s : float
        The clock's time when the lab was opened [s].
    benches : dict
        What the devices are wired to, by name; one bench alone is named "". Empty without a ``lab:`` section.

    Raises
    ------
    StationError
        If the bench file cannot be read or names what does not exist.
    """

    _open: ClassVar[dict[LabSpec, tuple[Lab, int]]] = {}
    _open_lock: ClassVar[threading.RLock] = threading.RLock()  # reentrant: see timescope.py

    def __init__(self, spec: LabSpec):
        self.spec = spec
        self.lock = threading.RLock()
        self.clock = spec.make_clock()
        self.start_s = self.clock.now()
        self.locks: dict[str, Any] = {}  # VISA locks by resource name; kept here since all managers share them
        self._streams: dict[str, np.random.Generator] = {}
        self.benches: dict[str, Any] = {}
        self.roles: dict[str, str] = {}
        self.inventory: dict[str, LabDevice] = {}
        self.faults = Faults(self)
        sections: dict[str, Any] = {}
        if spec.path.suffix == ".jsonl":
            self._replay()
        else:
            sections = self._build()
        self._watched = [bench.before_change for bench in self.benches.values() if hasattr(bench, "before_change")]
        for device in self.inventory.values():
            try:
                device.power_on()
            except AttributeError as problem:
                if device.bench is not None:
                    raise
                raise StationError(
                    f"bench file {spec.path}: device '{device.name}' must be wired to something; add a lab section"
                ) from problem
        faults = sections.get("faults") or []
        if not isinstance(faults, list):
            raise StationError(f"bench file {spec.path}: faults: is '{faults}', a list of mappings is wanted")
        for number, entry in enumerate(faults):
            self.faults.add(entry, f"bench file {spec.path}: faults[{number}]")

    @property
    def devices(self) -> dict[str, LabDevice]:
        """Return the devices that are plugged in, by VISA resource name."""
        with self.lock:
            return self.faults.reachable(self.inventory)

    @classmethod
    def acquire(cls, spec: LabSpec) -> Lab:
        """Return the lab of this specification, a new one if nobody holds it."""
        with cls._open_lock:
            new = None if spec in cls._open else cls(spec)
            lab, holders = cls._open.get(spec, (new, 0))
            if lab is None:  # it was collected, and closed, just now
                lab = cls(spec)
            cls._open[spec] = lab, holders + 1
            if holders == 0 and not isinstance(lab.clock, RealClock):
                scope.enter(lab.clock)
            return lab

    def release(self) -> None:
        """Give the lab back; with its last holder it goes, so that the next one starts anew."""
        with self._open_lock:
            lab, holders = self._open[self.spec]
            if holders > 1:
                self._open[self.spec] = lab, holders - 1
                return
            del self._open[self.spec]
            scope.leave(self.clock)

    def rng(self, name: str) -> np.random.Generator:
        """Return the random stream of a quantity, as "voltmeter.noise".

        It depends on the lab's seed and the name alone, so that drawing from one stream leaves the others as they are.
        """
        if name not in self._streams:
            sequence = np.random.SeedSequence(self.spec.seed, spawn_key=tuple(name.encode()))
            self._streams[name] = np.random.default_rng(sequence)
        return self._streams[name]

    def before_change(self, time_s: float | None = None) -> None:
        """Tell the bench, if it wants to know, that an actuator is about to change, now or at a bench time."""
        now_s = self.clock.now() if time_s is None else time_s
        for before_change in self._watched:
            before_change(now_s)

    def list_devices(self) -> list[dict[str, str]]:
        """Return resource name, model and role of each device, as ``sotlab lab list`` shows them."""
        return [
            {
                "resource": resource,
                "model": device.name if isinstance(device, PlainDevice) else device.model,
                "role": self.roles[resource],
            }
            for resource, device in self.inventory.items()
        ]

    def truth(self, **settings: float) -> dict[str, Any]:
        """Return what the sample really does at these settings; no instrument can be asked for it.

        Raises
        ------
        StationError
            If the bench has no sample.
        """
        if not self.benches:
            raise StationError(f"bench file {self.spec.path}: no truth to tell; it has no lab section")
        found: dict[str, Any] = {}
        for bench in self.benches.values():
            found = bench.truth(**settings) | found  # where two know a name, the first one listed counts
        return found

    def actuators(self) -> dict[str, Any]:
        """Return what the actuators on the benches do now; with several benches, by their names."""
        now_s = self.clock.now()
        found = {name: bench.actuators(now_s) for name, bench in self.benches.items() if hasattr(bench, "actuators")}
        return found.get("", {}) if "" in self.benches else found

    @property
    def bench(self) -> Any:
        """Return what the devices are wired to that name no bench of their own; None without a ``lab:`` section."""
        return next(iter(self.benches.values()), None)

    def _build(self) -> dict[str, Any]:
        """Make benches and devices from the bench file, and return its sections."""
        path = self.spec.path
        try:
            self._loader = parser.Loader(str(path), False)
            sections = read_yaml(path.read_text(encoding="utf-8"))
        except Exception as problem:
            raise StationError(f"bench file {path}: cannot be read: {_last_line(problem)}") from problem
        self.benches = self._wire(sections.get("lab"))
        for resource, entry in (self._loader.data.get("resources") or {}).items():
            self._add_device(resource, entry)
        return sections

    def _replay(self) -> None:
        """Make the devices of a trace."""
        for resource, device in read_trace(self.spec.path).items():
            canonical = rname.to_canonical_name(resource)
            device.lab, device.resource_name = self, canonical
            self.inventory[canonical] = device
            self.roles[canonical] = device.name

    def _wire(self, lab: Any) -> dict[str, Any]:
        """Return the benches by name: what ``lab:`` describes, named "", or each of those in its ``benches:``."""
        if lab is None:
            return {}
        several = lab.get("benches") if isinstance(lab, dict) else None
        described = several if several is not None else {"": lab}
        if not isinstance(described, dict) or not all(isinstance(one, dict) for one in described.values()):
            raise StationError(f"bench file {self.spec.path}: lab: a table is wanted, or benches: with tables by name")
        benches = {}
        for name, entry in described.items():
            wiring, where = dict(entry), f"lab, bench '{name}'" if name else "lab"
            if "bench" not in wiring:
                raise StationError(
                    f"bench file {self.spec.path}: {where}: 'bench' is missing; name what the devices are wired to as"
                    " module:Class or file.py:Class"
                )
            if self.spec.sample:
                if several is not None:
                    raise StationError(f"bench file {self.spec.path}: it has several benches; sample= is for one")
                wiring["sample"] = f"{self.spec.sample}.yaml"
            bench_class = self._named_class(wiring.pop("bench"), where, BENCHES)
            benches[name] = bench_class(wiring, self._streams_of(name), self.spec.noise)
        return benches

    def _streams_of(self, name: str) -> Callable[[str], np.random.Generator]:
        return (lambda stream: self.rng(f"{name}.{stream}")) if name else self.rng

    def _add_device(self, resource: str, entry: dict[str, Any]) -> None:
        where = f"resource {resource}"
        try:
            name = entry["device"]
            section = self._loader.get_device_dict(
                name, entry.get("filename"), entry.get("bundled", False), parser.SPEC_VERSION_TUPLE[0]
            )
        except (KeyError, TypeError) as problem:
            raise StationError(f"bench file {self.spec.path}: {where}: no device {problem} is described") from problem
        model: type[LabDevice] = PlainDevice
        if "class" in section:
            model = self._named_class(section["class"], f"device '{name}'", MODELS)
            if not (isinstance(model, type) and issubclass(model, LabDevice)):
                raise StationError(f"bench file {self.spec.path}: device '{name}': {section['class']} is no LabDevice")
        try:
            canonical = rname.to_canonical_name(resource)
            device = model(name, section.get("delimiter", ";").encode(), section.get("options"))
            self._describe(device, section, entry, canonical)
        except SotlabError:
            raise
        except Exception as problem:
            raise StationError(f"bench file {self.spec.path}: {where}: {_last_line(problem)}") from problem
        device.lab = self
        device.bench = self._bench_of(name, section)
        self.inventory[canonical] = device
        self.roles[canonical] = str(entry.get("role", section.get("role", "")))

    def _bench_of(self, name: str, section: dict[str, Any]) -> Any:
        """Return what a device is wired to."""
        if "bench" not in section:
            return self.bench
        if section["bench"] not in self.benches:
            raise StationError(
                f"bench file {self.spec.path}: device '{name}': no bench '{section['bench']}'; lab: has "
                f"{', '.join(filter(None, self.benches)) or 'no benches by name'}"
            )
        return self.benches[section["bench"]]

    def _describe(self, device: LabDevice, section: dict[str, Any], entry: dict[str, Any], resource: str) -> None:
        """Give the device what pyvisa-sim's grammar says of it: dialogues, properties, channels, errors, eom."""
        kind = rname.parse_resource_name(resource)
        if not isinstance(device, PlainDevice):
            interface = constants.InterfaceType(kind.interface_type_const).name
            device.add_eom(f"{interface} {kind.resource_class}", "\n", device.reply_terminator.decode("latin-1"))
        device.add_error_handler(section.get("error", {}))
        for interface, eom in section.get("eom", {}).items():
            device.add_eom(interface, eom["q"].strip(" "), eom["r"].strip(" "))
        parser.update_component(device.name, device, section)
        for channel, description in section.get("channels", {}).items():
            device.add_channels(channel, parser.get_channel(device, channel, description, self._loader, entry))
        device.resource_name = resource

    def _named_class(self, name: str, where: str, package: str) -> Any:
        """Import ``module:Class``: of the package, dotted, or a file beside the bench file."""
        module_name, _, class_name = name.partition(":")
        try:
            if module_name.endswith(".py"):
                module = _load_file(self.spec.path.parent / module_name)
            else:
                module = importlib.import_module(module_name if "." in module_name else f"{package}.{module_name}")
            return getattr(module, class_name)
        except (ImportError, OSError, AttributeError) as problem:
            raise StationError(
                f"bench file {self.spec.path}: {where}: class '{name}' cannot be loaded ({_last_line(problem)}); "
                "write module:Class or file.py:Class"
            ) from problem


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise OSError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(f"sotlab_bench_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _last_line(problem: BaseException) -> str:
    lines = str(problem).replace("\\n", "\n").strip(" \n\"'").splitlines()
    return lines[-1].strip() if lines else type(problem).__name__
