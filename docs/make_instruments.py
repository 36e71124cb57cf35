"""Write docs/instruments.md from the models' command tables and the contract tables of the tests.

    python docs/make_instruments.py

A test fails while the page is not what this writes.
"""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / "tests" / "simulated" / "contract"
PAGE = ROOT / "docs" / "instruments.md"

HEAD = """# The simulated instruments: what is known of each, and from where

Written by `docs/make_instruments.py`; a test fails while it is out of date.

A driver and a simulated instrument that come from the same hands can agree on a wrong command. Each model is therefore
held to a table of its own, `tests/simulated/contract/<model>.yaml`: messages and what must come back, written from the
evidence and not from the model's code. Each row says what it stands on:

| evidence | means |
|---|---|
| manual | the model's own manual, with its page |
| sister | the manual of a sister model, with its page |
| standard | IEEE 488.2-1992 or SCPI-1999, with the section |
| drivers | two or more independent drivers, named |
| one | a single driver |
| own | a design of our own: no maker's instrument |
| memory | nothing: unverified |

A row that the model does not keep is marked; its test fails as soon as the model keeps it. "Commands" counts headers
with and without question mark; "with a page" those whose source in the model's file is a page or a section.

"""


def load_tables() -> dict[str, dict[str, Any]]:
    """Return the contract tables by name, with the common rows that they take."""
    common = yaml.safe_load((CONTRACT / "common_rows.yml").read_text(encoding="utf-8"))["scpi"]
    tables = {}
    for path in sorted(CONTRACT.glob("*.yaml")):
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        table["rows"] = table["rows"] + (common if "common" in table else [])
        tables[path.stem] = table
    return tables


def model_class(name: str) -> Any:
    """Return the model's class from ``module:Class``."""
    module, _, cls = name.partition(":")
    return getattr(importlib.import_module(f"sotlab.simulated.instruments.{module}"), cls)


def evidence_of(table: dict[str, Any]) -> Counter[str]:
    """Count a table's rows by the first word of their source."""
    return Counter(row["source"].split(":")[0].split()[0] for row in table["rows"])


def gaps_of(table: dict[str, Any]) -> list[str]:
    """Return what is missing, in words, each once."""
    marked = [row["known_gap"] for row in table["rows"] if "known_gap" in row]
    return list(dict.fromkeys([*table["gaps"], *marked]))


def page() -> str:
    """Return the page's text."""
    tables = load_tables()
    kinds = ("manual", "sister", "standard", "drivers", "driver", "own", "unverified")
    head = ("model", "commands", "with a page", "rows", "manual", "sister", "standard", "drivers", "one", "own",
            "memory", "not kept")  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---|" * (len(head) - 1)]
    for name, table in tables.items():
        cls = model_class(table["model"])
        sources = [source for _, source in cls.command_table()]
        paged = sum(not source.startswith(("unverified", "our own")) for source in sources)
        found = evidence_of(table)
        missing = sum("known_gap" in row for row in table["rows"])
        cells = [name, len(sources), paged, len(table["rows"]), *(found[kind] for kind in kinds), missing]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    text = HEAD + "\n".join(lines) + "\n\n## The evidence, and what is missing\n"
    for name, table in tables.items():
        cls = model_class(table["model"])
        text += f"\n### {name}: {cls.manufacturer} {cls.model}\n\n"
        text += "".join(f"- {kind}: {title}\n" for kind, title in table["evidence"].items())
        gaps = gaps_of(table)
        text += f"\nMissing: {'; '.join(gaps)}.\n" if gaps else "\nNothing is known to be missing.\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
