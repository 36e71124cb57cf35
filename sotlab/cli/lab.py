"""Look at the virtual instruments, and serve them: ``sotlab lab``."""

from __future__ import annotations

from typing import Any

import click

from sotlab.cli.common import cli, json_option, print_json


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
            print_json({"benches": names})
        else:
            click.echo("\n".join(names))
        return
    devices = Lab(LabSpec.parse(bench)).list_devices()
    if as_json:
        print_json({"devices": devices})
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
            print_json({"devices": rows})
        else:
            click.echo(table(rows))

    serve(bench, host, port_base, ready)
