"""PyMeasure's sequence files, read as loops of a campaign; what stands in them is computed, never run as a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymeasure.experiment.sequencer import SequenceEvaluationError, SequenceHandler

from sotlab.errors import PlanError

__all__ = ["read_sequence"]

#: What an expression may be made of: numbers, lists, arithmetic, and PyMeasure's own functions.
ALLOWED = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Tuple, ast.List, ast.Call, ast.keyword, ast.BinOp,
    ast.UnaryOp, ast.operator, ast.unaryop,
)  # fmt: skip


def read_sequence(path: Path, parameters: dict[str, Any]) -> list[list[dict[str, list[Any]]]]:
    """Return the loops of a sequence file: of each branch its axes, the last one fastest.

    Parameters
    ----------
    path : Path
        The file: lines ``- "Parameter", "expression"``, more dashes for what is nested.
    parameters : dict
        The procedure's parameters by attribute; the file may call them by their names on the screen as well.

    Raises
    ------
    PlanError
        If it cannot be read, names another parameter, or an expression is more than numbers.
    """
    names = {parameter.name: name for name, parameter in parameters.items()} | {name: name for name in parameters}
    handler = SequenceHandler(tuple(names))
    try:
        with path.open(encoding="utf-8") as file:
            handler.load(file)
    except OSError as error:
        raise PlanError(f"{path}: the sequence cannot be read: {error.strerror}") from error
    except (SequenceEvaluationError, UnicodeDecodeError, AttributeError) as error:
        raise PlanError(f"{path.name}: {error}; the parameters are: {', '.join(names)}") from error
    branches = list(_branches(handler, None))
    if not branches:
        raise PlanError(f'{path.name}: there is no line - "Parameter", "values" in it')
    return [[{names[one.parameter]: _values(path, one)} for one in branch] for branch in branches]


def _branches(handler: SequenceHandler, item: Any) -> Iterator[list[Any]]:
    """Yield the way from the root to each leaf."""
    for child in handler.children(item):
        below = list(_branches(handler, child))
        yield from ([child, *rest] for rest in below) if below else [[child]]


def _values(path: Path, item: Any) -> list[Any]:
    where = f'{path.name}: "{item.parameter}", "{item.expression}"'
    try:
        for node in ast.walk(ast.parse(item.expression, mode="eval")):
            if not isinstance(node, ALLOWED):
                raise PlanError(f"{where}: only numbers, lists and functions of them are allowed")
        found = SequenceHandler.eval_string(item.expression, item.parameter, item.level, log_enabled=False)
        return [one if isinstance(one, str) else float(one) for one in found.tolist()]
    except PlanError:
        raise
    except (SyntaxError, SequenceEvaluationError, TypeError, ValueError) as error:
        raise PlanError(f"{where}: {error}") from error
