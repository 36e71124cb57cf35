"""What the commands share: the command itself, their options, how they follow work and tell of it, and how they end."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from sotlab.errors import UsageError

EXIT_ABORTED = 3
EXIT_INTERLOCK = 4
EXIT_NOTHING_DETERMINED = 5
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and nothing else.")
station_option = click.option(
    "--station",
    metavar="S",
    help="A station file, or virtual:NAME for a shipped virtual bench. Default: station.toml in this folder.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sotlab")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def cli(debug: bool) -> None:
    """Run a spin-orbit-torque lab: measure, record, analyse; on real instruments or on the virtual lab."""


@contextmanager
def open_terminal(quiet: bool) -> Iterator[Any]:
    """Give a terminal that follows runs and shows what came out; nothing of it if it is to be quiet."""
    from sotlab.procedures.runs.terminal import Terminal

    with Terminal(quiet=quiet) as terminal:
        yield terminal


@contextmanager
def stoppable(stop_work: Callable[[], None]) -> Iterator[None]:
    """Make Ctrl-C, and being told to go, stop what is under way: a run's bench is then made safe."""

    def stop(number: int, frame: Any) -> None:
        stop_work()

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def tell(message: str, as_json: bool) -> None:
    """Say an error in one line, or as one JSON object."""
    line = " ".join(message.split())
    if as_json:
        print_json({"error": line})
    else:
        click.echo(f"sotlab: {line}", err=True)


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def finish(told: dict[str, Any], as_json: bool, status: int) -> NoReturn:
    """End the program with a status, having told what came out."""
    if as_json:
        print_json(told)
    sys.exit(status)


def station_spec(spec: str | None) -> str:
    """Return the station that was asked for, else the one of this folder."""
    if spec is not None:
        return spec
    if Path("station.toml").is_file():
        return "station.toml"
    raise UsageError(
        "no station: there is no station.toml in this folder; give --station FILE, or --station virtual:stfmr for the"
        " virtual bench"
    )


def with_seed(spec: str, seed: int | None) -> str:
    """Put a seed into the name of a virtual bench, so that what is recorded can be repeated."""
    if not spec.startswith("virtual:"):
        if seed is not None:
            raise UsageError(f"--seed: '{spec}' is no virtual bench; real noise has no seed")
        return spec
    if seed is None and "seed=" in spec:
        return spec
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    return f"{spec}{'&' if '?' in spec else '?'}seed={chosen}"


def assignments(settings: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of ``--set NAME=VALUE``."""
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {setting}: write it as NAME=VALUE, as in frequency=7GHz")
        yield name.strip(), value.strip()
