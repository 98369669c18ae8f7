"""Docs/events.md is what scripts/events.py writes from the file of event types, each of whose examples matches its schema."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from aws_emulator import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import events  # noqa: E402

DOCUMENT = json.loads((ROOT / events.FILE).read_text(), parse_float=events.Written)


def test_the_page_is_what_the_script_writes():
    assert (ROOT / events.PAGE).read_text() == events.page(DOCUMENT)


@pytest.mark.parametrize("each", DOCUMENT["types"], ids=lambda each: each["name"])
def test_the_example_of_a_type_matches_its_schema(each):
    assert events.faults(each["example"], each["schema"], each["name"]) == []
    # A schema that anything matches would be no schema.
    assert events.faults([7], each["schema"], each["name"]) != []
    for name in each["schema"].get("required", []):
        lacking = {other: value for other, value in each["example"].items() if other != name}
        assert events.faults(lacking, each["schema"], "x") == [f"x: lacks '{name}'"]


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in (events.FILE, events.PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("before, after, said", [
    ('"price": 152.50', '"price": "152.50"', "price:update.example.price: must be number"),
    ('"price": 152.50', '"price": 152.51', "differs from"),
    ('"level": "error", "message": "Margin', '"level": "worse", "message": "Margin', "alert:new.example.level: is none of"),
    ('"description": "A price of a symbol.",', "", "price:update lacks 'description'"),
])
def test_what_does_not_fit_is_told(copy, monkeypatch, capsys, before, after, said):
    text = (copy / events.FILE).read_text()
    assert text.count(before) == 1
    (copy / events.FILE).write_text(text.replace(before, after))
    monkeypatch.setattr(sys, "argv", ["events.py", "--check", str(copy)])
    assert events.main() == 1
    assert said in capsys.readouterr().err
