"""Docs/data-model.md lists what the files of the rows say, both ways, and no other file of the rooms above the table knows a key or an attribute by name."""

import json
import re

import pytest

from aws_emulator import ROOT

PAGE = (ROOT / "Docs" / "data-model.md").read_text()
FILES = sorted((ROOT / "Sources").glob("*/Rows/*Row.swift"))
# What a row is built of beside its own file, and the rooms that know no rows: the table itself.
PARTS = {"LeaseTerm.swift", "Shard.swift"}
TABLE_ROOMS = {"ConnectionStore", "TableBackends"}


def declared():
    """Of each kind of row the constants of its key and the names of its attributes, by what the code calls them."""
    kinds, constants = {}, {}
    for file in sorted((ROOT / "Sources").glob("*/Rows/*.swift")):
        parts = re.split(r"^(?:package )?(?:enum|struct) (\w+)[ :{]", file.read_text(), flags=re.M)
        for name, body in zip(parts[1::2], parts[2::2]):
            names = re.search(r"  enum Attribute \{\n(.*?)\n  \}\n", body, re.S)
            kinds[name] = dict(re.findall(r"static let (\w+) = (\S+)$", names[1], re.M)) if names else {}
            outside = body.replace(names[0], "") if names else body
            constants[name] = dict(re.findall(r"static let (prefix|sort|partition|listPartition) = (\S+)$", outside, re.M))

    def value(text):
        """A literal, or another row's constant."""
        if text.startswith('"'):
            return text.strip('"')
        kind, *rest = text.split(".")
        return value((kinds if rest[0] == "Attribute" else constants)[kind][rest[-1]])

    return {
        name: ({value(text) for text in constants[name].values()}, {value(text) for text in kinds[name].values()})
        for name in kinds if name.endswith("Row")
    }


ROWS = declared()


def documented():
    """Of each section its attributes with their types, and its example."""
    sections = {}
    for section in re.split(r"^### ", PAGE, flags=re.M)[1:]:
        attributes = dict(re.findall(r"^\| `(\w+)` \| ([SNB]) \| .+ \|$", section, re.M))
        sections[section.split("\n", 1)[0]] = (attributes, json.loads(re.search(r"```json\n(.*?)```", section, re.S)[1]))
    return sections


SECTIONS = documented()


def overview():
    return {
        row[0]: row[1:]
        for row in re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.M)
    }


def test_a_kind_of_row_has_a_section_a_line_in_the_overview_and_a_declaration():
    assert set(SECTIONS) == set(ROWS) == set(overview()) and len(ROWS) >= 14
    assert {file.stem for file in FILES} <= set(ROWS)
    assert {file.name for folder in {file.parent for file in FILES} for file in folder.iterdir()} == {file.name for file in FILES} | PARTS


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_the_page_has_the_attributes_that_the_code_names_and_no_others(kind):
    assert set(SECTIONS[kind][0]) == ROWS[kind][1] and ROWS[kind][1]


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_the_page_has_the_key_that_the_code_makes(kind):
    partition, sort = overview()[kind][:2]
    keys = {text for cell in (partition, sort) for text in re.findall(r"`([^`]+)`", cell)}
    for constant in ROWS[kind][0]:
        assert any(key == constant or constant.endswith("#") and key.startswith(constant) for key in keys), f"{constant} is in none of {keys}"
    # What the page says of a key beside what is filled in stands in the code.
    for key in keys:
        fixed = key.split("{")[0]
        assert not fixed or any(fixed == constant or constant.endswith("#") and fixed.startswith(constant) for constant in ROWS[kind][0]), fixed


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_an_example_has_attributes_of_the_types_that_the_table_says(kind):
    attributes, example = SECTIONS[kind]
    types = {name: next(iter(value)) for name, value in example.items()}
    assert types.pop("pk") == types.pop("sk") == "S" and types.pop("expires", "N") == "N"
    assert types == {name: attributes[name] for name in types} and types


# A condition, an attribute, a change of one or a key, by a name that stands in the line itself.
LITERAL = re.compile("|".join([
    r'\.(?:equals|less|greater|lacks)\("', r'\.(?:number|string|bytes)\("', r'\b(?:item|row|attributes|set|add)\["',
    r'\b(?:set|add|remove|attributes)(?: =|:) \["', r'\battribute: "', r'\.(?:insert|formUnion)\(\[?"', r"\bItemKey\("]))


def test_no_other_file_knows_a_key_or_an_attribute_by_name():
    prefixes = {constant for constants, _ in ROWS.values() for constant in constants if constant.endswith("#")}
    assert {"c#", "cp#", "lag#", "s#"} <= prefixes
    key = re.compile('"(?:' + "|".join(sorted(prefixes)) + ")")
    found = []
    for file in sorted((ROOT / "Sources").rglob("*.swift")):
        text, room = file.read_text(), file.relative_to(ROOT / "Sources").parts[0]
        if file.parent.name == "Rows" or room in TABLE_ROOMS:
            continue
        lines = enumerate(text.splitlines(), 1)
        knows_table = re.search(r"^(?:package )?import ConnectionStore$", text, re.M)
        found += [f"{file.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in lines
                  if key.search(line) or knows_table and LITERAL.search(line)]
    assert not found, "\n".join(found)
