#!/usr/bin/env python3
"""Writes Docs/events.md, and the rules that functions read, from the file of event types.

Usage: events.py [--check] [FOLDER]

With --check nothing is written: an example that does not match its schema, a type that lacks one of both, and a page that differs
from the file are named, and the exit code is 1. FOLDER is the root of the package (default: this one).
"""

import argparse
import json
import re
import sys
from pathlib import Path

FILE = "Sources/Connections/EventTypes/EventTypes.json"
PAGE = "Docs/events.md"
RULES = "Sources/Connections/EventTypes/EventTypeRules.json"
FOR_READERS = {"description", "schema", "example"}
KINDS = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int, "number": (int, float),
}


class Written(float):
    """A number that keeps the text it was written in: 152.50 stays 152.50."""

    def __new__(cls, text: str):
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text


def one_line(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {one_line(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(one_line(each) for each in value) + "]"
    return value.text if isinstance(value, Written) else json.dumps(value, ensure_ascii=False)


def text(value, indent: str = "") -> str:
    """JSON with what fits 110 columns on one line."""
    line = one_line(value)
    if len(indent) + len(line) <= 110 or not value or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(name)}: {text(each, inner)}" for name, each in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + text(each, inner) for each in value) + f"\n{indent}]"


def is_kind(value, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, Written):
        return kind == "number"
    return isinstance(value, KINDS[kind])


def faults(value, schema: dict, path: str) -> list[str]:
    """What of a value is not as the schema says."""
    kinds = schema.get("type", list(KINDS))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(is_kind(value, kind) for kind in kinds):
        return [f"{path}: must be {' or '.join(kinds)}"]
    found = [f"{path}: is none of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, list) and "items" in schema:
        found += [each for index, one in enumerate(value) for each in faults(one, schema["items"], f"{path}[{index}]")]
    if isinstance(value, dict):
        found += [f"{path}: lacks '{name}'" for name in schema.get("required", []) if name not in value]
        for name, one in value.items():
            found += faults(one, schema.get("properties", {}).get(name, {}), f"{path}.{name}")
    return found


def problems(types: list[dict]) -> list[str]:
    found = []
    for each in types:
        lacking = [name for name in ("description", "schema", "example", "version") if name not in each]
        found += [f"{each['name']} lacks '{name}'" for name in lacking]
        if not lacking:
            found += faults(each["example"], each["schema"], f"{each['name']}.example")
    return found


def members(schema: dict, prefix: str = "", required: bool = True) -> list[tuple[str, str]]:
    """The members of data, each with what it is; those inside another as `scores.fused`, in a list as `assets[]`."""
    rows = []
    for name, each in schema.get("properties", {}).items():
        kinds = each.get("type", "anything")
        words = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
        words += ["one of " + ", ".join(f"`{one}`" for one in each["enum"])] if "enum" in each else []
        words += ["needed"] if required and name in schema.get("required", []) else []
        if "items" in each and "properties" not in each["items"]:
            words[0] = f"array of {each['items'].get('type', 'anything')}"
        rows.append((f"`{prefix}{name}`", ", ".join(words)))
        rows += members(each, f"{prefix}{name}.")
        rows += members(each.get("items", {}), f"{prefix}{name}[].")
    return rows


def roles(each: dict, everyone: list[str]) -> str:
    if each["roles"] == ["*"]:
        return "every role"
    return ", ".join(everyone + each["roles"])


def code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower())


def facts(each: dict, document: dict) -> list[str]:
    """One line of what holds of a type beside the form of its data."""
    found = [f"Version {each['version']}", f"broadcasts are for {roles(each, document['seeEverything'])}"]
    if each.get("personal"):
        found.append("personal: an event to one user is for that user whatever the role")
    if each.get("public"):
        found.append("public")
    found.append("conflates by key" if each.get("conflates") else "each event arrives")
    if "key" in each:
        found.append(f"its key is `{each['key']}` unless the publisher gives one")
    if "state" in each:
        found.append(state(each))
    if each.get("nestsData"):
        found.append("in dialect `flat` the data stay one member, `data`")
    for word, said in (("omit", "never leaves"), ("redact", "leaves as `[redacted]` only")):
        if each.get(word):
            found.append(f"{code(each[word])} {said}")
    return found


def state(each: dict) -> str:
    rule = each["state"]
    if "of" in rule:
        return f"an event to a user or group changes the state of `{rule['of']}` under its key"
    words = f"what was sent to a user or group stands in its state, `{rule['list']}`, by key"
    if rule["fold"] == "position":
        words += "; at `quantity` 0 the key leaves it, and each event says the `totalValue` of all"
    return words


def section(each: dict, document: dict) -> str:
    lines = [f"### `{each['name']}`", "", each["description"]]
    if "family" in each:
        lines[-1] += f" Of the family [`{each['family']}`](#{anchor(each['family'])})."
    if each.get("aliases"):
        lines[-1] += f" Also spelt {code(each['aliases'])}."
    lines += ["", "; ".join(facts(each, document)) + ".", ""]
    rows = members(each["schema"])
    if rows:
        lines += ["| member of `data` | what it is |", "|---|---|"] + [f"| {name} | {words} |" for name, words in rows] + [""]
    lines += ["```json", text(each["example"]), "```", ""]
    return "\n".join(lines)


def page(document: dict) -> str:
    types = document["types"]
    head = f"""# Event types

Written by `scripts/events.py` from `{FILE}`; not to be changed by hand.
What the words mean, and how to have another file, is in [protocol.md](protocol.md#event-types-and-roles). Members of `data` that are
not named here may be there too; a publisher's data are not held to it.

| type | for | conflates | key | what it is |
|---|---|---|---|---|
"""
    for each in types:
        whom = "one user" if each.get("personal") else roles(each, document["seeEverything"])
        key = f"`{each['key']}`" if "key" in each else ""
        head += (
            f"| [`{each['name']}`](#{anchor(each['name'])}) | {whom} | {'yes' if each.get('conflates') else ''} | {key} "
            f"| {each['description']} |\n")
    head += "\n## Names that stand for several types\n\n| name | types |\n|---|---|\n"
    for each in types:
        kin = [one["name"] for one in types if one.get("family") == each["name"]]
        if kin:
            head += f"| `{each['name']}` (a family: all are shown as `{each['name']}`) | {code([each['name']] + kin)} |\n"
    for bundle in document["bundles"]:
        head += f"| `{bundle['name']}` | {code(bundle['types'])} |\n"
    return head + "\n## Each type\n\n" + "\n".join(section(each, document) for each in types).rstrip() + "\n"


def rules(document: dict) -> str:
    """A line a type, without what a function does not need: each start of one reads it."""
    types = [{name: value for name, value in each.items() if name not in FOR_READERS} for each in document["types"]]
    line = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    rest = {name: value for name, value in document.items() if name not in ("version", "types")}
    return (
        f'{{"version":{document["version"]},"types":[\n' + ",\n".join(line(each) for each in types) + "\n]"
        + "".join(f",\n{line(name)}:{line(value)}" for name, value in rest.items()) + "}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--check", action="store_true", help="only say what differs")
    arguments = parser.parse_args()
    document = json.loads((arguments.folder / FILE).read_text(), parse_float=Written)
    found = problems(document["types"])
    for name, written in ({} if found else {PAGE: page(document), RULES: rules(document)}).items():
        path = arguments.folder / name
        if not arguments.check:
            path.write_text(written)
        if not path.exists() or path.read_text() != written:
            found.append(f"{name} differs from {FILE}; scripts/events.py writes it")
    for problem in found:
        print(f"events: {problem}", file=sys.stderr)
    if found:
        return 1
    print(f"events: {PAGE} and {RULES} agree with {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
