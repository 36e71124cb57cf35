"""Look after the bench: ``sotlab station``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from sotlab.cli.common import (
    EXIT_ABORTED,
    EXIT_NOTHING_DETERMINED,
    assignments,
    cli,
    finish,
    json_option,
    open_terminal,
    print_json,
    station_spec,
    stoppable,
    with_seed,
)


@cli.group()
def station() -> None:
    """Look after the bench."""


@station.command("check")
@click.argument("spec", metavar="S", required=False)
@json_option
def station_check(spec: str | None, as_json: bool) -> None:
    """Ask every instrument of the station S who it is; nothing is switched."""
    from sotlab.instruments.station import Station

    with Station.open(station_spec(spec), roles=()) as bench:
        roles = bench.check()
        simulated, left = bench.simulated, bench.mark.read()
    if as_json:
        print_json({"roles": roles, "simulated": simulated, "left_in_use": left})
    else:
        keys = ("role", "resource", "model")
        widths = {key: max(len(row[key]) for row in roles) for key in keys}
        for row in roles:
            columns = "  ".join(f"{row[key]:<{widths[key]}}" for key in keys)
            click.echo(f"{'ok ' if row['ok'] else 'BAD'}  {columns}  {row['problem'] or row['idn']}")
            if row["ok"] and row["safe_state"]:
                click.echo(f"    safe: {row['safe_state']}; when the PC vanishes: {row['when_pc_vanishes']}")
            for one in row["calibrations"]:
                click.echo(f"    calibrated: {one['kind']}, {one['date'][:10]}, {one['age_days']:.1f} days ago")
        if left is not None:
            click.echo(
                f"NOT MADE SAFE: in use since {left['since']} by '{left['program']}'; the next run makes safe first"
            )
        if simulated:
            click.echo("SIMULATED: this is a virtual bench.")
    sys.exit(0 if all(row["ok"] for row in roles) and left is None else 1)


@station.command("read")
@click.argument("spec", metavar="S", required=False)
@json_option
def station_read(spec: str | None, as_json: bool) -> None:
    """Read every meter of the station S once: the contact check; nothing is driven."""
    from sotlab.instruments.station import Station
    from sotlab.units import pretty

    with Station.open(station_spec(spec), roles=()) as bench:
        readings = bench.read()
        simulated = bench.simulated
    if as_json:
        for row in readings:
            if isinstance(row["value"], complex):
                row["value"] = [row["value"].real, row["value"].imag]
        print_json({"readings": readings, "simulated": simulated})
    else:
        for row in readings:
            value = row["value"]
            if isinstance(value, complex):
                shown = f"X {pretty(value.real, None, row['unit'])}, Y {pretty(value.imag, None, row['unit'])}"
            elif isinstance(value, list):
                shown = ", ".join(value) or "all closed"
            else:
                shown = pretty(value, None, row["unit"]) if row["problem"] is None else f"BAD {row['problem']}"
            click.echo(f"{row['role']:<16} {shown}")
        if simulated:
            click.echo("SIMULATED: this is a virtual bench.")
    sys.exit(1 if any(row["problem"] for row in readings) else 0)


@station.command("new")
@click.argument("file", type=click.Path(path_type=Path), default=Path("station.toml"))
@click.option(
    "--visa", default="", metavar="LIBRARY", help="As PyVISA takes it: '' the system's, '@py', 'stfmr@sotlab'."
)
@json_option
def station_new(file: Path, visa: str, as_json: bool) -> None:
    """Write a commented station FILE from the instruments that VISA finds; nothing is switched."""
    from sotlab.instruments.survey import survey, write_station

    found = survey(visa)
    write_station(file, visa, found)
    if as_json:
        print_json({"file": str(file), "instruments": [one.as_dict() for one in found]})
        return
    for one in found:
        click.echo(f"{one.resource:<34} {one.driver or '-':<20} {one.identity or one.problem}")
    known = sum(bool(one.driver) for one in found)
    click.echo(f"{file}: {known} roles of {len(found)} instruments; read it, then: sotlab station check {file}")


@station.command("calibrate")
@click.argument("spec", metavar="S")
@click.argument("kind")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the scan, with a unit: start=4GHz."
)
@click.option("--use", "use_it", is_flag=True, help="Write the line into the station file; its comments stay.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@json_option
def station_calibrate(spec: str, kind: str, settings: Sequence[str], use_it: bool, out: Path, as_json: bool) -> None:
    """Calibrate an instrument of the station S by the scan for KIND.

    KIND is coil, gaussmeter_zero, probe_ratio, source_level, cable_loss, cable_loss_vna, rf_current, rf_current_vna,
    rf_current_two_port, rotator_zero, stage_zero or a lab's own. The calibration and its plot are written beside the
    station file; the line that lets the station use it is printed.
    """
    from sotlab.instruments.station import Station
    from sotlab.procedures.calibrations.base import find_calibration
    from sotlab.procedures.calibrations.keep import check_usable, keep, use
    from sotlab.procedures.runs.installed import make_procedure
    from sotlab.procedures.runs.reader import read_run
    from sotlab.procedures.runs.run import Run, summary
    from sotlab.units import pretty

    spec = with_seed(spec, None)
    scan = make_procedure(find_calibration(kind), {**dict(assignments(settings)), "station": spec})
    with Station.open(spec, scan.ROLES, recalibrating=scan.calibrated_role) as bench:
        for problem in bench.refused:
            click.echo(f"sotlab: left out while calibrating: {problem}", err=True)
        if use_it:
            check_usable(bench)
        scan.use(bench)
        with open_terminal(as_json) as terminal, stoppable(terminal.stop_run):
            measurement = Run(scan, out, scan.the_sample().name)
            terminal.follow(measurement)
        told = summary(measurement)
        measurement.raise_error()
        if told["status"] != "finished":
            if not as_json:
                click.echo(f"{told['status']}: no calibration; {told['rows']} rows in {told['data']}")
            finish(told, as_json, EXIT_ABORTED)
        kept = keep(scan, read_run(measurement.folder.path), bench)
        if use_it:
            use(kept, bench)
    told |= {**kept.as_json(), "used": use_it}
    if not as_json:
        if kept.calibration.simulated:
            click.echo("SIMULATED: this is a virtual bench.")
        for name, value in kept.calibration.values.items():
            click.echo(f"{name:<16} {pretty(value.value, value.sigma, value.unit)}")
        for note in kept.calibration.notes:
            click.echo(f"! {note}")
        click.echo(f"{kept.file}, and its plot {kept.plot.name}")
        verb = "now says" if use_it else "uses it with"
        click.echo(f"{bench.path.name} {verb}:\n[calibrations]\n{kept.line}")
    finish(told, as_json, 0)


@station.command("commission")
@click.argument("spec", metavar="S", required=False)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@json_option
def station_commission(spec: str | None, out: Path, as_json: bool) -> None:
    """Check whether the station S may be measured on, with numbers.

    The result is kept beside the calibrations and compared with last time's. Exit 1 if a check fails, 5 if one was
    not determined.
    """
    from sotlab.instruments.station import Station
    from sotlab.procedures.calibrations.keep import folder_of
    from sotlab.procedures.commissioning.commission import commission
    from sotlab.procedures.commissioning.record import Record
    from sotlab.procedures.commissioning.show import lines_of

    with Station.open(with_seed(station_spec(spec), None), roles=()) as bench:
        folder = folder_of(bench)
        with open_terminal(as_json) as terminal, stoppable(terminal.stop_run):
            done = commission(bench, out, terminal.follow)
        if done.aborted:
            if not as_json:
                click.echo("stopped; nothing is kept of it but the runs")
            finish({**done.record.as_json(), "verdict": "aborted", "file": None}, as_json, EXIT_ABORTED)
        record = done.record.compared_with(Record.latest(folder, done.record.station, done.record.simulated))
        file = record.write(folder)
    if not as_json:
        if record.simulated:
            click.echo("SIMULATED: this is a virtual bench.")
        click.echo("\n".join([*lines_of(record), f"{record.verdict.replace('_', ' ')}; kept as {file}"]))
    status = {"pass": 0, "fail": 1, "not_determined": EXIT_NOTHING_DETERMINED}[record.verdict]
    finish({**record.as_json(), "file": str(file)}, as_json, status)
