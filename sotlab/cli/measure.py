"""Measure: a run, a campaign, and what there is to run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sotlab.cli.common import (
    EXIT_ABORTED,
    EXIT_INTERLOCK,
    assignments,
    cli,
    finish,
    json_option,
    open_terminal,
    print_json,
    station_option,
    station_spec,
    stoppable,
    with_seed,
)
from sotlab.cli.truth import add_truth, add_truth_of, virtual_lab
from sotlab.errors import UsageError

if TYPE_CHECKING:
    from sotlab.procedures.runs.run import Run


@cli.command()
@click.option("--seed", type=click.IntRange(0), help="Seed of the bench's noise; the same seed gives the same rows.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@json_option
def demo(seed: int | None, out: Path, as_json: bool) -> None:
    """Measure and analyse on the virtual lab: a whole ST-FMR experiment.

    R(phi), the calibration of the microwave current, and seven field sweeps, fitted while they arrive; currents, fields
    and efficiencies stand beside the truth of the simulated sample.
    """
    from sotlab.procedures.demo import in_words, run_demo
    from sotlab.procedures.runs.reduce import write_page

    seed = secrets.randbelow(1_000_000) if seed is None else seed
    with open_terminal(as_json) as terminal, stoppable(terminal.stop_run):
        done = run_demo(f"virtual:stfmr?seed={seed}", out, terminal.follow, add_truth=add_truth)
    told: dict[str, Any] = {"seed": seed, "runs": [str(folder) for folder in done.folders]}
    if done.outcome is None:
        if not as_json:
            click.echo(f"stopped; what was measured is in {done.folders[-1]}")
        finish({**told, "status": "aborted"}, as_json, EXIT_ABORTED)
    write_page(done.report, done.outcome)
    told["report"] = str(done.report)
    if not as_json:
        terminal.show_reduction(done.outcome.json, title=f"ST-FMR on the virtual lab, seed {seed}")
        click.echo("\n" + "\n".join(in_words(done.outcome.json["results"])))
        click.echo(f"\nReport: {done.report}")
        click.echo(f"The same again: sotlab demo --seed {seed}. In a window: sotlab gui --station virtual:stfmr")
    finish({**done.outcome.json, **told, "status": "finished"}, as_json, 0)


@cli.command()
@click.argument("procedure")
@station_option
@click.option("--sample", metavar="F", help="Sample file. Default: the station's.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter, with a unit: frequency=7GHz."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--seed", type=click.IntRange(0), help="Seed of a virtual bench's noise.")
@click.option("--trace", type=click.Path(path_type=Path), help="Write all traffic with the instruments to this file.")
@click.option("--truth", is_flag=True, help="On a virtual bench: show the sample's truth beside the results.")
@json_option
def run(
    procedure: str,
    station: str | None,
    sample: str | None,
    settings: Sequence[str],
    out: Path,
    seed: int | None,
    trace: Path | None,
    truth: bool,
    as_json: bool,
) -> None:
    """Run PROCEDURE once, into a run folder."""
    from sotlab.instruments.station import Station
    from sotlab.instruments.trace import Trace
    from sotlab.procedures.runs.installed import find_procedure, make_procedure
    from sotlab.procedures.runs.run import Run
    from sotlab.procedures.runs.scan import Scan

    procedure_class = find_procedure(procedure)
    values = dict(assignments(settings))
    if not issubclass(procedure_class, Scan):  # PyMeasure's own kind: it opens what it needs by itself
        if station or sample or truth or trace or seed is not None:
            raise UsageError(f"{procedure} is no Scan: it takes no --station, --sample, --seed, --trace or --truth")
        _measure(Run(make_procedure(procedure_class, values), out), None, False, as_json)
    spec = with_seed(station_spec(station), seed)
    values |= {"station": spec, "sample": sample or values.get("sample", "")}
    scan = make_procedure(procedure_class, values)
    with _closing(Trace(trace) if trace else None) as traffic, Station.open(spec, scan.ROLES, traffic) as bench:
        if truth and virtual_lab(bench) is None:
            raise UsageError(f"--truth: {spec} is no virtual bench in this process; only that knows its truth")
        scan.use(bench)
        _measure(Run(scan, out, bench.sample(scan.sample).name), bench, truth, as_json)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--station", metavar="S", help="Another station than the run's.")
@click.option("--procedure", metavar="P", help="Where its procedure is, if it is not installed: file.py:Class.")
@click.option("--accept", is_flag=True, help="Go on although the station is not what it was.")
@click.option("--truth", is_flag=True, help="On a virtual bench: show the sample's truth beside the results.")
@json_option
def resume(run: Path, station: str | None, procedure: str | None, accept: bool, truth: bool, as_json: bool) -> None:
    """Go on with the RUN in a folder that was interrupted, stopped or failed: measure the points that are missing."""
    from sotlab.instruments.station import Station
    from sotlab.procedures.runs.run import Run

    measurement = Run.resume(run, station=station, procedure=procedure, accept=accept)
    scan: Any = measurement.procedure
    with Station.open(scan.station, scan.ROLES) as bench:
        scan.use(bench)
        _measure(measurement, bench, truth, as_json)


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@json_option
def status(out: Path, as_json: bool) -> None:
    """Tell what runs now in another program: readings, time to go, the last fit, the last error."""
    from sotlab.procedures.runs.status import describe_status, read_status

    runs = read_status(out)
    if as_json:
        print_json({"runs": runs})
    else:
        click.echo("\n".join(map(describe_status, runs)) or f"nothing runs in {out}")


def _measure(measurement: Run, bench: Any, truth: bool, as_json: bool) -> NoReturn:
    """Follow a run to its end, reduce it, tell what came out, and exit."""
    from sotlab.procedures.runs.provenance import keep_results
    from sotlab.procedures.runs.reduce import reduce_runs, write_page
    from sotlab.procedures.runs.run import summary

    with open_terminal(as_json) as terminal, stoppable(terminal.stop_run):
        terminal.follow(measurement)
    told = summary(measurement)
    measurement.raise_error()
    reduction = reduce_runs([measurement.folder]) if told["reducible"] else None
    if reduction is not None:
        keep_results([measurement.folder.path], reduction.json)
        write_page(measurement.folder.report, reduction)
        if truth:
            add_truth(bench, reduction.json)
        told |= {"reduction": reduction.json, "report": str(measurement.folder.report)}
    if not as_json:
        if reduction is not None:
            terminal.show_reduction(reduction.json, title=f"{type(measurement.procedure).__name__} {told['run']}")
        click.echo(f"{told['status']}: {told['rows']} rows in {told['data']}")
    finish(told, as_json, EXIT_ABORTED if told["status"] == "aborted" else 0)


def _keep_calibration(scan: Any, record: Any, bench: Any) -> None:
    """Keep what a calibration in a campaign has found, and let the station use it if it has a file of its own."""
    from sotlab.instruments.station_file import VIRTUAL
    from sotlab.procedures.calibrations.keep import check_usable, keep, use

    kept = keep(scan, record, bench)
    if not bench.spec.startswith(VIRTUAL):
        check_usable(bench)
        use(kept, bench)


@contextmanager
def _closing(trace: Any) -> Iterator[Any]:
    try:
        yield trace
    finally:
        if trace is not None:
            trace.close()


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--again", is_flag=True, help="Begin anew, whatever the last campaign of this name has come to.")
@click.option("--truth", is_flag=True, help="On virtual benches: show the samples' truth beside what is reduced.")
@json_option
def campaign(file: Path, out: Path, again: bool, truth: bool, as_json: bool) -> None:
    """Run the campaign in FILE, or go on with it where it was; then make its analyses.

    What has finished is not repeated; a run that was interrupted goes on at its next point. docs/campaigns.md
    describes the file.
    """
    from sotlab.procedures.calibrations.keep import recall
    from sotlab.procedures.runs.campaign import Campaign
    from sotlab.procedures.runs.campaign_file import CampaignFile
    from sotlab.procedures.runs.jobs import check_places, list_jobs

    asked = CampaignFile.load(file)
    jobs = list_jobs(asked)
    check_places(asked, jobs)
    with open_terminal(as_json) as terminal:
        see = add_truth_of if truth else lambda station, result: None
        work = Campaign(asked, jobs, out, terminal.follow, terminal.say, _keep_calibration, again, see, recall)

        def stop() -> None:
            work.stop()
            terminal.stop_run()

        with stoppable(stop):
            status = work.run()
        if not as_json:
            for title, result in work.conclusions():
                terminal.show_reduction(result, title=title)
    told = work.summary()
    if not as_json:
        counts = ", ".join(f"{count} {state}" for state, count in told["counts"].items())
        click.echo(f"{status}: {counts}; {told['journal']}")
    finish(told, as_json, {"finished": 0, "aborted": EXIT_ABORTED, "interlock": EXIT_INTERLOCK}.get(status, 1))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("rehearsals"), show_default=True)
@json_option
def rehearse(file: Path, out: Path, as_json: bool) -> None:
    """Rehearse the campaign in FILE in virtual time, on the benches that its stations name.

    Tells how long it takes, which limits it would break and what it warns of; plots and results are kept in a folder.
    The stations' own instruments are not touched.
    """
    from sotlab.procedures.runs.campaign_file import CampaignFile
    from sotlab.procedures.runs.jobs import list_jobs
    from sotlab.procedures.runs.rehearsal_table import show_rehearsal
    from sotlab.procedures.runs.rehearse import rehearse as rehearse_campaign

    asked = CampaignFile.load(file)
    jobs = list_jobs(asked)
    os.environ.pop("SOTLAB_CLOCK", None)  # a rehearsal is in virtual time, whatever the other commands are in
    stopped: list[bool] = []
    with open_terminal(as_json) as terminal:

        def stop() -> None:
            stopped.append(True)
            terminal.stop_run()

        with stoppable(stop):
            told = rehearse_campaign(asked, jobs, out, terminal.follow)
    if not as_json:
        show_rehearsal(told)
    finish(told, as_json, EXIT_ABORTED if stopped else int(bool(told["limits"] or told["problems"])))


@cli.command()
@json_option
def procedures(as_json: bool) -> None:
    """List what can be run, with parameters and units."""
    from sotlab.procedures.runs.installed import describe_procedures

    described = describe_procedures()
    if as_json:
        print_json({"procedures": described})
        return
    for entry in described:
        click.secho(entry["name"], bold=True)
        click.echo(f"  {entry['summary']}")
        for parameter in entry["parameters"]:
            limits = ""
            if parameter.get("minimum") is not None:
                limits = f"  [{parameter['minimum']:g} .. {parameter['maximum']:g}]"
            unit = f" {parameter['unit']}" if parameter["unit"] else ""
            click.echo(f"    {parameter['parameter']:<12} {parameter['default']!s:>14}{unit}{limits}")
        click.echo(f"  columns: {', '.join(entry['columns'])}\n")
