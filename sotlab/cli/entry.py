"""The command line from its words to its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from sotlab.cli import analyse, lab, measure, runs, station, window  # noqa: F401 - each adds its commands
from sotlab.cli.common import EXIT_ABORTED, cli, tell
from sotlab.errors import SotlabError, UsageError


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
        tell(f"{error.format_message()} (see sotlab --help)", as_json)
        sys.exit(UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        tell("stopped", as_json)
        sys.exit(EXIT_ABORTED)
    except SotlabError as error:
        if debug:
            traceback.print_exc()
        tell(str(error), as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; so do we, quietly
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        tell(f"internal error: {type(error).__name__}: {error}; --debug shows where; please report it", as_json)
        sys.exit(1)
