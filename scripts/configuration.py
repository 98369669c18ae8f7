#!/usr/bin/env python3
"""Holds the table of Docs/configuration.md to the code that reads the variables.

Usage: configuration.py [--check] [FOLDER]

Without --check the table of variables is written anew: one that the code reads and the page lacks gets a row, a row whose variable
nobody reads goes, and a cell of `default` or `allowed` that does not begin with what the code says becomes that. What follows
the code's words in such a cell, the order of the rows and all other cells are written by hand, here and nowhere else. With
--check nothing is written; what differs is named, and the exit code is 1. FOLDER is the root of the package (default: this one).
"""

import argparse
import re
import sys
from pathlib import Path

from configuration_code import FUNCTIONS, Code, Contradiction

PAGE = "Docs/configuration.md"


class Table:
    """One of the page's tables: the lines before it, its rows, the lines after it. A row without a name is a heading."""

    def __init__(self, text: str, columns: list[str]):
        self.columns = columns
        self.before, head, after = text.partition(f"| {' | '.join(columns)} |\n")
        lines = after.split("\n")
        count = next(index for index, line in enumerate(lines) if not line.startswith("|"))
        self.before, self.after = f"{self.before}{head}{lines[0]}\n", "\n".join(lines[count:])
        self.rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[1:count]]

    def named(self) -> dict[str, list[str]]:
        return {name: row for row in self.rows if (name := self.name(row))}

    @staticmethod
    def name(row: list[str]) -> str | None:
        return row[0].strip("`") if row[0].startswith("`") else None

    def text(self) -> str:
        rows = "".join(f"| {' | '.join(row)} |\n" for row in self.rows)
        return self.before + re.sub(r"  +", " ", rows) + self.after

    def differences(self, names: set[str]) -> list[str]:
        found = [f"{name}: the code has it, the page has no row" for name in sorted(names - set(self.named()))]
        found += [f"{name}: the page has a row, and nothing in the code is called so" for name in sorted(set(self.named()) - names)]
        found += [f"{row[0]}: the row has {len(row)} cells" for row in self.rows if len(row) != len(self.columns)]
        return found + ["a name has two rows"] * (len(self.named()) < sum(self.name(row) is not None for row in self.rows))


def begins_with(cell: str, word: str) -> bool:
    return cell.startswith(word) and not re.match(r"[\w.]", cell[len(word):])


def readers(cell: str) -> set[str]:
    found = set(cell.split(", ")) - {"", "–"}
    return found - {"functions"} | (set(FUNCTIONS) if "functions" in found else set())


class Page:
    """What the page says of variables and of parameters, beside the code."""

    def __init__(self, root: Path):
        self.path, self.code = root / PAGE, Code(root)
        text = self.path.read_text()
        self.variables = Table(text, ["variable", "read by", "default", "allowed", "what it does"])
        self.parameters = Table(text, ["parameter", "option", "default", "allowed", "what it does"])

    def said_by_code(self, table: Table, name: str) -> list[tuple[int, str | None]]:
        """The columns that the code fills, and with what."""
        if table is self.parameters:
            return [(2, self.code.template.default(name)), (3, self.code.template.allowed(name))]
        return [(2, self.code.default(name)), (3, self.code.allowed(name))]

    def problems(self) -> list[str]:
        names = self.code.names()
        undeployed = set(self.code.template.parameters) - set(self.code.deployed.values())
        found = self.variables.differences(names) + self.parameters.differences(undeployed)
        if found:
            return found
        for table in (self.variables, self.parameters):
            for name, row in table.named().items():
                try:
                    found += self.problems_of_cells(table, name, row)
                except Contradiction as contradiction:
                    found.append(str(contradiction))
        return found + [one for name, row in self.variables.named().items() for one in self.problems_of_readers(name, row[1])]

    def problems_of_cells(self, table: Table, name: str, row: list[str]) -> list[str]:
        found = [] if row[-1] else [f"{name}: nothing says what it does"]
        for column, said in self.said_by_code(table, name):
            if said is not None and not begins_with(row[column], said):
                found.append(f"{name}: '{table.columns[column]}' does not begin with {said}, which is what the code says")
            if said is None and re.match(r"\d", row[column]):
                found.append(f"{name}: '{table.columns[column]}' begins with a number that this script does not find in the code")
        return found

    def problems_of_readers(self, name: str, cell: str) -> list[str]:
        least, most, named = self.code.least_readers(name), self.code.most_readers(name), readers(cell)
        found = [f"{name}: 'read by' lacks {one}" for one in sorted(least - named)]
        return found + [f"{name}: 'read by' names {one}, which has nothing that reads it" for one in sorted(named - most)]

    def rewrite(self) -> None:
        names, table = self.code.names(), self.variables
        table.rows = [row for row in table.rows if Table.name(row) is None or Table.name(row) in names]
        for name in sorted(names - set(table.named())):
            table.rows.append([f"`{name}`", ", ".join(sorted(self.code.least_readers(name))) or "–", "", "", ""])
        for name, row in table.named().items():
            for column, said in self.said_by_code(table, name):
                if said is not None and not begins_with(row[column], said):
                    row[column] = said
        self.path.write_text(table.text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--check", action="store_true", help="only say what differs")
    arguments = parser.parse_args()
    if not arguments.check:
        Page(arguments.folder).rewrite()
    found = Page(arguments.folder).problems()
    for problem in found:
        print(f"configuration: {problem}", file=sys.stderr)
    if found:
        print(f"configuration: put {PAGE} right; scripts/configuration.py writes what the code says", file=sys.stderr)
        return 1
    print(f"configuration: {PAGE} agrees with the code")
    return 0


if __name__ == "__main__":
    sys.exit(main())
