"""The command line. Each command imports what it needs when it runs, so that ``--help`` answers at once."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sotlab.errors import SotlabError, UsageError

if TYPE_CHECKING:
    from sotlab.procedures.runs.run import Run

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


# -- measuring ---------------------------------------------------------------------------------------------------


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
    with _terminal(as_json) as terminal, _stoppable(terminal.stop_run):
        done = run_demo(f"virtual:stfmr?seed={seed}", out, terminal.follow, add_truth=add_truth)
    told: dict[str, Any] = {"seed": seed, "runs": [str(folder) for folder in done.folders]}
    if done.outcome is None:
        if not as_json:
            click.echo(f"stopped; what was measured is in {done.folders[-1]}")
        _finish({**told, "status": "aborted"}, as_json, EXIT_ABORTED)
    write_page(done.report, done.outcome)
    told["report"] = str(done.report)
    if not as_json:
        terminal.show_reduction(done.outcome.json, title=f"ST-FMR on the virtual lab, seed {seed}")
        click.echo("\n" + "\n".join(in_words(done.outcome.json["results"])))
        click.echo(f"\nReport: {done.report}")
        click.echo(f"The same again: sotlab demo --seed {seed}. In a window: sotlab gui --station virtual:stfmr")
    _finish({**done.outcome.json, **told, "status": "finished"}, as_json, 0)


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
    values = dict(_assignments(settings))
    if not issubclass(procedure_class, Scan):  # PyMeasure's own kind: it opens what it needs by itself
        if station or sample or truth or trace or seed is not None:
            raise UsageError(f"{procedure} is no Scan: it takes no --station, --sample, --seed, --trace or --truth")
        _measure(Run(make_procedure(procedure_class, values), out), None, False, as_json)
    spec = _with_seed(_station(station), seed)
    values |= {"station": spec, "sample": sample or values.get("sample", "")}
    scan = make_procedure(procedure_class, values)
    with _closing(Trace(trace) if trace else None) as traffic, Station.open(spec, scan.ROLES, traffic) as bench:
        if truth and _virtual_lab(bench) is None:
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
        _print_json({"runs": runs})
    else:
        click.echo("\n".join(map(describe_status, runs)) or f"nothing runs in {out}")


def _measure(measurement: Run, bench: Any, truth: bool, as_json: bool) -> NoReturn:
    """Follow a run to its end, reduce it, tell what came out, and exit."""
    from sotlab.procedures.runs.provenance import keep_results
    from sotlab.procedures.runs.reduce import reduce_runs, write_page
    from sotlab.procedures.runs.run import summary

    with _terminal(as_json) as terminal, _stoppable(terminal.stop_run):
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
    _finish(told, as_json, EXIT_ABORTED if told["status"] == "aborted" else 0)


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
    with _terminal(as_json) as terminal:
        see = _add_truth_of if truth else lambda station, result: None
        work = Campaign(asked, jobs, out, terminal.follow, terminal.say, _keep_calibration, again, see, recall)

        def stop() -> None:
            work.stop()
            terminal.stop_run()

        with _stoppable(stop):
            status = work.run()
        if not as_json:
            for title, result in work.conclusions():
                terminal.show_reduction(result, title=title)
    told = work.summary()
    if not as_json:
        counts = ", ".join(f"{count} {state}" for state, count in told["counts"].items())
        click.echo(f"{status}: {counts}; {told['journal']}")
    _finish(told, as_json, {"finished": 0, "aborted": EXIT_ABORTED, "interlock": EXIT_INTERLOCK}.get(status, 1))


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
    with _terminal(as_json) as terminal:

        def stop() -> None:
            stopped.append(True)
            terminal.stop_run()

        with _stoppable(stop):
            told = rehearse_campaign(asked, jobs, out, terminal.follow)
    if not as_json:
        show_rehearsal(told)
    _finish(told, as_json, EXIT_ABORTED if stopped else int(bool(told["limits"] or told["problems"])))


def _keep_calibration(scan: Any, record: Any, bench: Any) -> None:
    """Keep what a calibration in a campaign has found, and let the station use it if it has a file of its own."""
    from sotlab.instruments.station_file import VIRTUAL
    from sotlab.procedures.calibrations.keep import check_usable, keep, use

    kept = keep(scan, record, bench)
    if not bench.spec.startswith(VIRTUAL):
        check_usable(bench)
        use(kept, bench)


@cli.command()
@json_option
def procedures(as_json: bool) -> None:
    """List what can be run, with parameters and units."""
    from sotlab.procedures.runs.installed import describe_procedures

    described = describe_procedures()
    if as_json:
        _print_json({"procedures": described})
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


# -- analysing ---------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("kind")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the analysis: g=2.1.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME[:UNIT]",
    help="Which column of a table is what, by header or 1-based number: field=1:Oe.",
)
@click.option("--require", "required", multiple=True, metavar="NAME", help="Exit 5 unless this result is determined.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write a report with plots to this HTML file.")
@click.option("--table", type=click.Path(path_type=Path), help="Also write the values to this .tex or .csv file.")
@click.option("--figures", type=click.Path(path_type=Path), help="Also write the plots to this folder: PDF, SVG, PNG.")
@json_option
def analyse(
    kind: str,
    files: Sequence[Path],
    settings: Sequence[str],
    columns: Sequence[str],
    required: Sequence[str],
    report: Path | None,
    table: Path | None,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Reduce FILES by the analysis KIND.

    FILES are run folders, or tables measured elsewhere: then --column says which column is what.
    """
    from sotlab.procedures.runs.reduce import figures_of, reduce_files
    from sotlab.procedures.runs.result_tables import write_figures, write_table

    outcome = reduce_files(kind, files, columns=columns, settings=dict(_assignments(settings)), report=report)
    result = outcome.json
    if table is not None:
        write_table(table, result)
    if figures is not None:
        write_figures(figures, figures_of(outcome))
    for problem in outcome.problems:
        click.echo(f"sotlab: {problem}", err=True)
    missing = [name for name in required if not _determined(result, name)]
    if outcome.problems:
        status = 1
    elif missing or not any(_determined(result, name) for name in _names(result)):
        status = EXIT_NOTHING_DETERMINED
    else:
        status = 0
    if as_json:
        if outcome.problems:
            result = {**result, "error": "; ".join(outcome.problems)}
        _print_json(result)
    else:
        from sotlab.procedures.runs.terminal import Terminal

        Terminal(quiet=False).show_reduction(result, title=f"{kind}: {len(files)} inputs")
        for name in missing:
            click.echo(f"sotlab: {name} is not determined by these data", err=True)
    sys.exit(status)


@cli.command()
@click.argument("name", required=False)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the model: x=0.15.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep the result in this folder, arrays as .npz.")
@click.option("--jobs", type=click.IntRange(1), help="Threads for large work. Default: one for each core.")
@json_option
def model(name: str | None, settings: Sequence[str], out: Path | None, jobs: int | None, as_json: bool) -> None:
    """Compute a model of the papers' by its NAME; without one, list them with their settings.

    With --json the arrays are printed too, unless --out puts them into a file. What --out already has for the same
    settings is not computed again.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # threads go over k: BLAS with threads of its own makes it slower
    from sotlab.procedures.runs.modelling import compute_model, describe_models, write_model

    if name is None:
        _list_models(describe_models(), as_json)
        return
    with _working(jobs) as work:
        result = compute_model(name, dict(_assignments(settings)), work, kept_in=out)
    told = result.to_json(with_arrays=out is None)
    if out is not None:
        told["files"] = [str(path) for path in write_model(out, result)]
    if as_json:
        _print_json(told)
        return
    from sotlab.units import pretty

    for key, value in result.results.items():
        click.echo(f"{key:<18} {pretty(value.value, value.sigma, value.unit)}")
    for key, array in result.arrays.items():
        unit = f" {array.unit}" if array.unit else ""
        low, high = (f"{limit:.6g}" for limit in (array.values.min(), array.values.max()))
        click.echo(f"{key:<18} {'x'.join(map(str, array.values.shape))}, {low} to {high}{unit}")
    for flag in result.flags:
        click.echo(f"note: {flag}")
    click.echo(
        "\n".join(told.get("files", ["the arrays: --json prints them, --out DIR writes them"] if result.arrays else []))
    )


def _list_models(models: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        _print_json({"models": models})
        return
    for entry in models:
        click.secho(entry["name"], bold=True)
        click.echo(f"  {entry['title']}")
        for setting in entry["settings"]:
            default = setting["default"]
            shown = ",".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
            click.echo(f"    {setting['name']:<24} {shown:>12} {setting['unit']:<14} {setting['description']}")
        click.echo()


# -- the catalog -------------------------------------------------------------------------------------------------

runs_option = click.option(
    "--runs", "root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs."
)
last_option = click.option("--last", type=click.IntRange(0), help="Only so many of the newest; 0: all.")
#: Runs that a list shows on a terminal unless told otherwise; --json prints all.
SHOWN = 40


@cli.group("runs")
def runs_group() -> None:
    """Find, read, keep and pass on what was measured."""


@runs_group.command("list")
@runs_option
@last_option
@json_option
def runs_list(root: Path, last: int | None, as_json: bool) -> None:
    """List the runs, the newest at the end."""
    from sotlab.procedures.runs.catalog_query import Query

    _list_runs(root, Query(last=_last(last, as_json)), as_json)


@runs_group.command("search")
@click.argument("terms", nargs=-1)
@click.option("--sample", default="", metavar="NAME", help="With * for anything: NiFe*.")
@click.option("--device", default="", metavar="NAME", help="Of the sample's map.")
@click.option("--procedure", default="", metavar="NAME")
@click.option("--operator", default="", metavar="NAME")
@click.option("--status", type=click.Choice(["finished", "aborted", "failed", "interrupted", "damaged"]))
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given several times: all are needed.")
@click.option("--since", default="", metavar="DATE", help="As in 2026-01-31, or 2026-01-31T20:15.")
@click.option("--until", default="", metavar="DATE", help="A day is meant whole.")
@runs_option
@last_option
@json_option
def runs_search(root: Path, last: int | None, as_json: bool, **wanted: Any) -> None:
    """List the runs that meet all that is asked.

    TERMS are words that stand anywhere in what is known of a run, its notes too, and values or ranges of a parameter
    or a result: frequency=6GHz..8GHz, power=15dBm, alpha=..0.02.
    """
    from sotlab.procedures.runs.catalog_query import Query

    wanted["status"] = wanted["status"] or ""
    _list_runs(root, Query(**wanted, last=_last(last, as_json)), as_json)


@runs_group.command("show")
@click.argument("run")
@runs_option
@json_option
def runs_show(run: str, root: Path, as_json: bool) -> None:
    """Show what is known of RUN, and where each of its results comes from.

    RUN is a folder, or the beginning or the end of a run's id.
    """
    from sotlab.procedures.runs.provenance import trace

    told = trace(_find_run(root, run))
    if as_json:
        _print_json(told)
        return
    from sotlab.procedures.runs.listing import describe

    click.echo("\n".join(describe(told)))


@runs_group.command("history")
@click.argument("sample")
@click.argument("device", default="")
@runs_option
@json_option
def runs_history(sample: str, device: str, root: Path, as_json: bool) -> None:
    """Show what was done with SAMPLE, or with one DEVICE of it: runs, results and notes in their order."""
    from sotlab.procedures.runs.catalog import Catalog
    from sotlab.procedures.runs.catalog_query import Query, search
    from sotlab.procedures.runs.listing import history

    with Catalog(root) as catalog:
        catalog.refresh()
        found = search(catalog, Query(sample=sample, device=device))
    if as_json:
        _print_json({"sample": sample, "device": device, "runs": found})
        return
    click.echo("\n".join(history(found)) or f"there is no run of {sample} {device}".rstrip())


@runs_group.command("rebuild")
@runs_option
@json_option
def runs_rebuild(root: Path, as_json: bool) -> None:
    """Make the catalog again from the folders of the runs."""
    from sotlab.procedures.runs.catalog import Catalog

    with Catalog(root) as catalog:
        count = catalog.rebuild()
        damaged = catalog.select("status = 'damaged'")
    if as_json:
        _print_json({"runs": count, "damaged": [{"run": row["run"], "problem": row["problem"]} for row in damaged]})
        return
    for row in damaged:
        click.echo(f"sotlab: {row['problem']}", err=True)
    click.echo(f"{count} runs in {root / 'catalog.sqlite'}")


@runs_group.command("tag")
@click.argument("run")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tags away.")
@runs_option
@json_option
def runs_tag(run: str, tags: Sequence[str], remove: bool, root: Path, as_json: bool) -> None:
    """Give RUN the TAGS."""
    from sotlab.procedures.runs.catalog import index
    from sotlab.procedures.runs.notes import add_tags, read_notes, remove_tags

    folder = _find_run(root, run)
    (remove_tags if remove else add_tags)(folder, tags)
    index(folder)
    there = read_notes(folder).tags
    if as_json:
        _print_json({"run": folder.name, "tags": list(there)})
    else:
        click.echo(f"{folder.name}: {' '.join(there) or 'no tags'}")


@runs_group.command("note")
@click.argument("run")
@click.argument("text")
@runs_option
@json_option
def runs_note(run: str, text: str, root: Path, as_json: bool) -> None:
    """Add a note to RUN; notes are kept with their time and are never changed."""
    from sotlab.procedures.runs.catalog import index
    from sotlab.procedures.runs.notes import add_note, read_notes

    folder = _find_run(root, run)
    add_note(folder, text)
    index(folder)
    if as_json:
        _print_json({"run": folder.name, "notes": [vars(note) for note in read_notes(folder).notes]})


@runs_group.command("export")
@click.argument("runs", nargs=-1, required=True)
@click.option("--format", "name", required=True, metavar="FORMAT", help="csv, parquet, netcdf, hdf5, event-model, ...")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("exports"), show_default=True, help="Folder for the files."
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--means", is_flag=True, help="One row for each point: the mean of its repeats, and its sigma.")
@runs_option
@json_option
def runs_export(
    runs: Sequence[str], name: str, out: Path, overwrite: bool, means: bool, root: Path, as_json: bool
) -> None:
    """Write RUNS as files of another FORMAT, one for each run."""
    from sotlab.procedures.runs.exporting import export_run, find_exporter

    exporter = find_exporter(name)
    files, problems = _each(runs, lambda run: export_run(_find_run(root, run), exporter, out, overwrite, means))
    _tell_files({"format": name}, files, problems, as_json)


@runs_group.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mapping", required=True, type=click.Path(path_type=Path), help="TOML: what stands where; see docs/runs.md."
)
@click.option("--again", is_flag=True, help="Also what was imported before.")
@runs_option
@json_option
def runs_import(files: Sequence[Path], mapping: Path, again: bool, root: Path, as_json: bool) -> None:
    """Make a run of each of FILES, which another program wrote."""
    from sotlab.procedures.runs.importing import import_file

    folders, problems = _each(files, lambda file: import_file(file, mapping, root, again))
    _tell_files({}, folders, problems, as_json)


@runs_group.command("bundle")
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder, or a new file NAME.zip.")
@click.option("--title", default="", help="Heading of the README.")
@runs_option
@json_option
def runs_bundle(runs: Sequence[str], out: Path, title: str, root: Path, as_json: bool) -> None:
    """Put RUNS together for a deposit: raw files, calibrations, tables, panels, checksums, a README."""
    from sotlab.procedures.runs.bundle import make_bundle

    contents = make_bundle([_find_run(root, run) for run in runs], out, title)
    if not as_json:
        for problem in contents.problems:
            click.echo(f"! {problem}")
        click.echo(f"{len(contents.traces)} runs, {len(contents.panels)} panels in {out}")
    told = {"bundle": str(out), "runs": [row["run"] for row in contents.traces], "problems": contents.problems}
    _finish(told | {"panels": [file for file, _ in contents.panels]}, as_json, 0)


def _each(items: Sequence[Any], work: Callable[[Any], Path]) -> tuple[list[Path], list[str]]:
    """Do all that can be done; return what came out and what went wrong."""
    done: list[Path] = []
    problems: list[str] = []
    for item in items:
        try:
            done.append(work(item))
        except UsageError:
            raise  # would befall every other, too
        except SotlabError as error:
            problems.append(str(error))
    return done, problems


def _tell_files(told: dict[str, Any], files: Sequence[Path], problems: Sequence[str], as_json: bool) -> NoReturn:
    for problem in problems:
        click.echo(f"sotlab: {problem}", err=True)
    if not as_json:
        click.echo("\n".join(map(str, files)))
    error = {"error": "; ".join(problems)} if problems else {}
    _finish({**told, "files": [str(path) for path in files], **error}, as_json, 1 if problems else 0)


def _list_runs(root: Path, query: Any, as_json: bool) -> None:
    from sotlab.procedures.runs.catalog import Catalog
    from sotlab.procedures.runs.catalog_query import search

    with Catalog(root) as catalog:
        catalog.refresh()
        found = search(catalog, query)
        problem = catalog.problem
    if as_json:
        _print_json({"runs": found, "problem": problem or None})
        return
    if problem:
        click.echo(f"sotlab: {problem}", err=True)
    from sotlab.procedures.runs.listing import table

    lines = table(found)
    click.echo("\n".join(lines) if lines else f"no such run in {root}")
    if query.last and len(found) == query.last:
        click.echo(f"the newest {query.last}; --last 0 shows all")


def _last(last: int | None, as_json: bool) -> int:
    return (0 if as_json else SHOWN) if last is None else last


def _find_run(root: Path, text: str) -> Path:
    """Return the folder of a run; a path, also of a file in it, needs no catalog."""
    if Path(text).exists():
        return Path(text) if Path(text).is_dir() else Path(text).absolute().parent
    from sotlab.procedures.runs.catalog import Catalog

    with Catalog(root) as catalog:
        catalog.refresh()
        return catalog.find(text)


# -- the bench ---------------------------------------------------------------------------------------------------


@cli.group()
def station() -> None:
    """Look after the bench."""


@station.command("check")
@click.argument("spec", metavar="S", required=False)
@json_option
def station_check(spec: str | None, as_json: bool) -> None:
    """Ask every instrument of the station S who it is; nothing is switched."""
    from sotlab.instruments.station import Station

    with Station.open(_station(spec), roles=()) as bench:
        roles = bench.check()
        simulated, left = bench.simulated, bench.mark.read()
    if as_json:
        _print_json({"roles": roles, "simulated": simulated, "left_in_use": left})
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

    with Station.open(_station(spec), roles=()) as bench:
        readings = bench.read()
        simulated = bench.simulated
    if as_json:
        for row in readings:
            if isinstance(row["value"], complex):
                row["value"] = [row["value"].real, row["value"].imag]
        _print_json({"readings": readings, "simulated": simulated})
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
        _print_json({"file": str(file), "instruments": [one.as_dict() for one in found]})
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

    spec = _with_seed(spec, None)
    scan = make_procedure(find_calibration(kind), {**dict(_assignments(settings)), "station": spec})
    with Station.open(spec, scan.ROLES, recalibrating=scan.calibrated_role) as bench:
        for problem in bench.refused:
            click.echo(f"sotlab: left out while calibrating: {problem}", err=True)
        if use_it:
            check_usable(bench)
        scan.use(bench)
        with _terminal(as_json) as terminal, _stoppable(terminal.stop_run):
            measurement = Run(scan, out, scan.the_sample().name)
            terminal.follow(measurement)
        told = summary(measurement)
        measurement.raise_error()
        if told["status"] != "finished":
            if not as_json:
                click.echo(f"{told['status']}: no calibration; {told['rows']} rows in {told['data']}")
            _finish(told, as_json, EXIT_ABORTED)
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
    _finish(told, as_json, 0)


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

    with Station.open(_with_seed(_station(spec), None), roles=()) as bench:
        folder = folder_of(bench)
        with _terminal(as_json) as terminal, _stoppable(terminal.stop_run):
            done = commission(bench, out, terminal.follow)
        if done.aborted:
            if not as_json:
                click.echo("stopped; nothing is kept of it but the runs")
            _finish({**done.record.as_json(), "verdict": "aborted", "file": None}, as_json, EXIT_ABORTED)
        record = done.record.compared_with(Record.latest(folder, done.record.station, done.record.simulated))
        file = record.write(folder)
    if not as_json:
        if record.simulated:
            click.echo("SIMULATED: this is a virtual bench.")
        click.echo("\n".join([*lines_of(record), f"{record.verdict.replace('_', ' ')}; kept as {file}"]))
    status = {"pass": 0, "fail": 1, "not_determined": EXIT_NOTHING_DETERMINED}[record.verdict]
    _finish({**record.as_json(), "file": str(file)}, as_json, status)


@cli.group()
def lab() -> None:
    """Look at the virtual instruments."""


@lab.command("list")
@click.argument("bench", required=False)
@json_option
def lab_list(bench: str | None, as_json: bool) -> None:
    """List the instruments on a virtual BENCH (a shipped name or a file); without one, the benches."""
    from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

    if bench is None:
        names = list(shipped_benches())
        if as_json:
            _print_json({"benches": names})
        else:
            click.echo("\n".join(names))
        return
    devices = Lab(LabSpec.parse(bench)).list_devices()
    if as_json:
        _print_json({"devices": devices})
    else:
        keys = ("resource", "model", "role")
        widths = [max(len(device[key]) for device in devices) for key in keys]
        for device in devices:
            click.echo("  ".join(f"{device[key]:<{width}}" for key, width in zip(keys, widths, strict=True)).rstrip())


@lab.command("serve")
@click.argument("bench")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; loopback unless told otherwise."
)
@click.option("--port-base", type=click.IntRange(0, 65000), default=5025, show_default=True, help="First port; 0: any.")
@json_option
def lab_serve(bench: str, host: str, port_base: int, as_json: bool) -> None:
    """Serve the instruments on BENCH as raw SCPI sockets.

    One port each, and one for the instrument LAB that moves the clock and makes faults; until Ctrl-C.
    BENCH is a shipped name or a file; options may follow, as in stfmr?clock=20.
    """
    from sotlab.simulated.server import serve, table

    def ready(rows: list[dict[str, Any]]) -> None:
        if as_json:
            _print_json({"devices": rows})
        else:
            click.echo(table(rows))

    serve(bench, host, port_base, ready)


@cli.command()
@station_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--screenshots", type=click.Path(path_type=Path), help="Write pictures of the window there, and exit.")
def gui(station: str | None, out: Path, screenshots: Path | None) -> None:
    """Open the operator's window; without a station file it stands on the virtual lab and leads through a run."""
    from sotlab.gui.app import run_window

    first_start = station is None and not Path("station.toml").is_file()
    spec = "virtual:stfmr" if first_start else _station(station)
    if spec.startswith("virtual:") and "clock=" not in spec:
        spec += ("&" if "?" in spec else "?") + "clock=20"  # virtual time would be over before it can be watched
    sys.exit(run_window(_with_seed(spec, None), out, screenshots, welcome=first_start))


# -- helpers -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every error is one line, or one JSON object, and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    as_json = "--json" in words
    words = [word for word in words if word != "--debug"]
    try:
        status = cli.main(args=words, prog_name="sotlab", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _tell(f"{error.format_message()} (see sotlab --help)", as_json)
        sys.exit(UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _tell("stopped", as_json)
        sys.exit(EXIT_ABORTED)
    except SotlabError as error:
        if debug:
            traceback.print_exc()
        _tell(str(error), as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; so do we, quietly
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _tell(f"internal error: {type(error).__name__}: {error}; --debug shows where; please report it", as_json)
        sys.exit(1)


def _tell(message: str, as_json: bool) -> None:
    line = " ".join(message.split())
    if as_json:
        _print_json({"error": line})
    else:
        click.echo(f"sotlab: {line}", err=True)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _finish(told: dict[str, Any], as_json: bool, status: int) -> NoReturn:
    if as_json:
        _print_json(told)
    sys.exit(status)


def _station(spec: str | None) -> str:
    if spec is not None:
        return spec
    if Path("station.toml").is_file():
        return "station.toml"
    raise UsageError(
        "no station: there is no station.toml in this folder; give --station FILE, or --station virtual:stfmr for the"
        " virtual bench"
    )


def _with_seed(spec: str, seed: int | None) -> str:
    """Put a seed into the name of a virtual bench, so that what is recorded can be repeated."""
    if not spec.startswith("virtual:"):
        if seed is not None:
            raise UsageError(f"--seed: '{spec}' is no virtual bench; real noise has no seed")
        return spec
    if seed is None and "seed=" in spec:
        return spec
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    return f"{spec}{'&' if '?' in spec else '?'}seed={chosen}"


def _assignments(settings: Sequence[str]) -> Iterator[tuple[str, str]]:
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {setting}: write it as NAME=VALUE, as in frequency=7GHz")
        yield name.strip(), value.strip()


def _names(result: dict[str, Any]) -> list[str]:
    from sotlab.analysis.values import rows_of

    in_rows = {name for row in rows_of(result) for name, v in row.items() if isinstance(v, dict)}
    return [*result["results"], *in_rows]


def _determined(result: dict[str, Any], name: str) -> bool:
    from sotlab.analysis.values import rows_of

    rows = [result["results"], *rows_of(result)]
    return any(isinstance(row.get(name), dict) and row[name].get("value") is not None for row in rows)


def _virtual_lab(bench: Any) -> Any:
    return getattr(bench.visa_library, "lab", None)


def _add_truth_of(station: str, result: dict[str, Any]) -> None:
    """Put the truth of the sample on a virtual station beside each value of a reduction."""
    from sotlab.instruments.station import Station

    with Station.open(station, roles=()) as bench:
        if _virtual_lab(bench) is None:
            raise UsageError(f"--truth: {station} is no virtual bench in this process; only that knows its truth")
        add_truth(bench, result)


def add_truth(bench: Any, result: dict[str, Any]) -> None:
    """Put the virtual sample's truth, and the pull, beside each value of a reduction."""
    from sotlab.analysis.values import rows_of

    lab = _virtual_lab(bench)
    rows = rows_of(result)
    truths = [lab.truth(**_conditions(row)) for row in rows]
    for row, truth in zip(rows, truths, strict=True):
        _compare(row, truth)
    if rows:
        _compare(result["results"], _over_all(truths))


def _over_all(truths: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the truth of all rows together: where it goes with the current, as the effective fields, the mean."""
    values = {name: [truth[name]["value"] for truth in truths] for name in truths[0]}
    return {
        name: {**truths[0][name], "value": found[0] if len(set(found)) == 1 else sum(found) / len(found)}
        for name, found in values.items()
    }


def _conditions(row: dict[str, Any]) -> dict[str, float]:
    """Return under which conditions a row was measured, as the virtual lab calls them."""
    names = {
        "frequency": "frequency_Hz",
        "power": "power_dBm",
        "angle": "angle_deg",
        "temperature": "temperature_K",
        "amplitude": "amplitude_A_peak",
    }
    found = {names[name]: row[name] for name in names if isinstance(row.get(name), float)}
    if "angle_deg" in found and (row.get("fit") or {}).get("absolute_field"):
        found["angle_deg"] += 180.0  # the lab's line is that of a positive field
    return found


def _compare(values: dict[str, Any], truth: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and name in truth:
            value["truth"] = truth[name]["value"]
            known = value["value"] is not None and value["sigma"]
            value["pull"] = (value["value"] - value["truth"]) / value["sigma"] if known else None


@contextmanager
def _terminal(quiet: bool) -> Iterator[Any]:
    from sotlab.procedures.runs.terminal import Terminal

    with Terminal(quiet=quiet) as terminal:
        yield terminal


@contextmanager
def _working(jobs: int | None) -> Iterator[Any]:
    """Give large work threads, a progress bar where stderr is a terminal, and an end when told to stop."""
    import threading
    from concurrent.futures import CancelledError, ThreadPoolExecutor

    from rich.console import Console
    from rich.progress import Progress

    from sotlab.analysis.models.chunks import Work

    stopped = threading.Event()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("computing", total=None)
        with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool, _stoppable(stopped.set):
            try:
                yield Work(pool, lambda done, of: bar.update(task, completed=done, total=of), stopped.is_set)
            except CancelledError:
                raise click.Abort from None


@contextmanager
def _closing(trace: Any) -> Iterator[Any]:
    try:
        yield trace
    finally:
        if trace is not None:
            trace.close()


@contextmanager
def _stoppable(stop_work: Callable[[], None]) -> Iterator[None]:
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


if __name__ == "__main__":
    main()
