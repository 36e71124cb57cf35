"""``python -m sotlab.cli`` is the same as ``sotlab``."""

import sys

from sotlab.cli import main

sys.argv[0] = "sotlab"  # what a mark of a bench in use, and a help page, call the program
main()
