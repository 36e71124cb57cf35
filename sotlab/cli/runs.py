"""Find, read, keep and pass on what was measured: ``sotlab runs``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from sotlab.cli.common import cli, finish, json_option, print_json
from sotlab.errors import SotlabError, UsageError

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
        print_json(told)
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
        print_json({"sample": sample, "device": device, "runs": found})
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
        print_json({"runs": count, "damaged": [{"run": row["run"], "problem": row["problem"]} for row in damaged]})
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
        print_json({"run": folder.name, "tags": list(there)})
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
        print_json({"run": folder.name, "notes": [vars(note) for note in read_notes(folder).notes]})


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
    finish(told | {"panels": [file for file, _ in contents.panels]}, as_json, 0)


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
    finish({**told, "files": [str(path) for path in files], **error}, as_json, 1 if problems else 0)


def _list_runs(root: Path, query: Any, as_json: bool) -> None:
    from sotlab.procedures.runs.catalog import Catalog
    from sotlab.procedures.runs.catalog_query import search

    with Catalog(root) as catalog:
        catalog.refresh()
        found = search(catalog, query)
        problem = catalog.problem
    if as_json:
        print_json({"runs": found, "problem": problem or None})
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
