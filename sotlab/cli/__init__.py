"""The command line. Each command imports what it needs when it runs, so that ``--help`` answers at once."""

from sotlab.cli.common import cli
from sotlab.cli.entry import main
from sotlab.cli.truth import add_truth

__all__ = ["add_truth", "cli", "main"]
