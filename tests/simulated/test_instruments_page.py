"""docs/instruments.md is what its script writes."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_page_of_the_instruments_is_current():
    spec = importlib.util.spec_from_file_location("make_instruments", DOCS / "make_instruments.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    said = (DOCS / "instruments.md").read_text(encoding="utf-8")
    assert said == script.page(), "run docs/make_instruments.py"
