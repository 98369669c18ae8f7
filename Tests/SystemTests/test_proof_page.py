"""scripts/remove-mechanisms.py still finds in the code what it removes."""

import importlib.util

import pytest

from aws_emulator import ROOT

specification = importlib.util.spec_from_file_location("removals", ROOT / "scripts" / "remove-mechanisms.py")
script = importlib.util.module_from_spec(specification)
specification.loader.exec_module(script)


@pytest.mark.parametrize("name", script.REMOVALS)
def test_what_a_removal_takes_away_stands_in_its_file_once(name):
    file, old, new = script.REMOVALS[name]
    assert (ROOT / file).read_text().count(old) == 1 and old != new


def test_the_page_has_a_row_for_each_removal():
    page = (ROOT / "Docs" / "proof.md").read_text()
    rows = [line for line in page[page.index("| removed | missed by |"):].splitlines()[2:] if line.startswith("| ")]
    assert len(rows) == len(script.REMOVALS)
