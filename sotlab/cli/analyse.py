"""Reduce what was measured, and compute what a model says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sotlab.cli.common import EXIT_NOTHING_DETERMINED, assignments, cli, json_option, print_json, stoppable


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

    outcome = reduce_files(kind, files, columns=columns, settings=dict(assignments(settings)), report=report)
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
        print_json(result)
    else:
        from sotlab.procedures.runs.terminal import Terminal

        Terminal(quiet=False).show_reduction(result, title=f"{kind}: {len(files)} inputs")
        for name in missing:
            click.echo(f"sotlab: {name} is not determined by these data", err=True)
    sys.exit(status)


def _names(result: dict[str, Any]) -> list[str]:
    from sotlab.analysis.values import rows_of

    in_rows = {name for row in rows_of(result) for name, v in row.items() if isinstance(v, dict)}
    return [*result["results"], *in_rows]


def _determined(result: dict[str, Any], name: str) -> bool:
    from sotlab.analysis.values import rows_of

    rows = [result["results"], *rows_of(result)]
    return any(isinstance(row.get(name), dict) and row[name].get("value") is not None for row in rows)


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
        result = compute_model(name, dict(assignments(settings)), work, kept_in=out)
    told = result.to_json(with_arrays=out is None)
    if out is not None:
        told["files"] = [str(path) for path in write_model(out, result)]
    if as_json:
        print_json(told)
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
        print_json({"models": models})
        return
    for entry in models:
        click.secho(entry["name"], bold=True)
        click.echo(f"  {entry['title']}")
        for setting in entry["settings"]:
            default = setting["default"]
            shown = ",".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
            click.echo(f"    {setting['name']:<24} {shown:>12} {setting['unit']:<14} {setting['description']}")
        click.echo()


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
        with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool, stoppable(stopped.set):
            try:
                yield Work(pool, lambda done, of: bar.update(task, completed=done, total=of), stopped.is_set)
            except CancelledError:
                raise click.Abort from None
