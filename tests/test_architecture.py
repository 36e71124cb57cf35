"""What holds for the house as a whole, beside the import contracts."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pymeasure.experiment import Procedure

from sotlab.instruments.driver import Driver
from sotlab.instruments.roles import ROLES
from sotlab.procedures.runs.installed import describe_procedures, find_procedure
from sotlab.procedures.runs.scan import Scan

PACKAGE = Path(__file__).parent.parent / "sotlab"

#: Where the SIMULATED flag is derived, and where it is shown.
DERIVES = {"instruments/station.py"}
SHOWS = {
    "instruments/calibration.py",
    "procedures/calibrations/plot.py",
    "procedures/plot_style.py",
    "procedures/runs/report.py",
    "procedures/runs/terminal.py",
}

WORDS = ("simulat", "virtual", "visabackend", "pyvisa_sim", "'sim'", '"sim"', "'SIM'", '"SIM"')


def measuring_files():
    for part in ("instruments", "procedures", "analysis"):
        for path in sorted((PACKAGE / part).rglob("*.py")):
            if path.relative_to(PACKAGE).as_posix() not in DERIVES | SHOWS:
                yield path


def conditions(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.Match):
            yield node.subject


@pytest.mark.parametrize("path", list(measuring_files()), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_that_measures_or_analyses_asks_whether_it_is_simulated(path):
    for condition in conditions(ast.parse(path.read_text(encoding="utf-8"))):
        text = ast.unparse(condition)
        assert not any(word in text for word in WORDS), f"line {condition.lineno}: {text}"


def test_the_package_itself_imports_nothing():
    script = "import sys; before = set(sys.modules); import sotlab; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sotlab']"


def test_every_column_of_every_procedure_has_a_unit_that_pymeasure_parses():
    for described in describe_procedures():
        procedure = find_procedure(described["name"])
        Procedure.parse_columns(procedure.DATA_COLUMNS)
        if issubclass(procedure, Scan):
            for column in procedure.COLUMNS:
                assert column.endswith(")"), f"{described['name']}: {column}"


def test_every_procedure_can_be_made_without_arguments_and_is_documented():
    for described in describe_procedures():
        find_procedure(described["name"])()
        assert described["summary"].endswith(".")
        for parameter in described["parameters"]:
            assert parameter["default"] is not None


def test_every_installed_driver_fills_the_role_that_it_names():
    for entry in entry_points(group="sotlab.drivers"):
        driver = entry.load()
        assert issubclass(driver, Driver)
        protocol = ROLES[driver.role]
        missing = [name for name in vars(protocol) if not name.startswith("_") and not hasattr(driver, name)]
        assert not missing, f"{entry.name} as {driver.role} lacks {missing}"


def test_every_installed_analysis_has_what_the_command_line_needs():
    for entry in entry_points(group="sotlab.analyses"):
        analysis = entry.load()()
        assert analysis.kind == entry.name
        for name in ("title", "columns", "axes", "required", "settings", "dataset", "reduce", "live"):
            assert hasattr(analysis, name)


@pytest.mark.xdist_group("kept together")
def test_groups_of_tests_stay_in_one_worker(request):
    """The window's tests, those that choose ports and the hundred labs rely on it."""
    if hasattr(request.config, "workerinput"):
        assert request.node.nodeid.endswith("@kept together")
