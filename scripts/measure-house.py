#!/usr/bin/env python3
"""Measures how the shipped sources are cut and labelled: targets, lines, unlabelled parameters, long functions.

Usage: measure-house.py [--json] [--list unlabelled|long|small] [--check] [FOLDER]

FOLDER is the root of the package (default: this one). `--list` names the places behind a figure. `--check` ends with 1
where a limit below is exceeded, and says which.
"""

import argparse
import json
import re
import sys
from pathlib import Path

# What `make lint` holds. A figure that got better is a reason to lower its limit.
# Rooms are targets that are no program; the one small target is DisconnectHandler, a program that is shipped.
LIMITS = {"unlabelled_percent": 35.0, "functions_with_three_unlabelled": 9, "rooms": 25, "targets_under_150_lines": 1}

DECLARATION = re.compile(r"\b(?:func\s+(?:[A-Za-z_]\w*|`\w+`|[-+*/<>=!&|^~%?.]+)|init[?!]?|subscript)\s*(?:<[^(){}]*>)?\s*\(")


def without_comments_and_strings(text: str) -> str:
    """The source with comments and literals blanked, line breaks kept, so that offsets and line numbers stay."""
    out = list(text)
    position, depth, length = 0, 0, len(text)

    def blank(start: int, end: int) -> None:
        for index in range(start, min(end, length)):
            if out[index] != "\n":
                out[index] = " "

    while position < length:
        two = text[position : position + 2]
        if two == "//":
            end = text.find("\n", position)
            end = length if end < 0 else end
            blank(position, end)
            position = end
        elif two == "/*":
            start, depth = position, 1
            position += 2
            while position < length and depth:
                step = text[position : position + 2]
                depth += (step == "/*") - (step == "*/")
                position += 2 if step in ("/*", "*/") else 1
            blank(start, position)
        elif text[position] in '"#' and (opening := re.compile(r'(#*)("""|")').match(text, position)):
            end = end_of_string(text, opening.end(), opening.group(1), opening.group(2))
            blank(opening.end(), end - len(opening.group(2)) - len(opening.group(1)))
            position = end
        else:
            position += 1
    return "".join(out)


def end_of_string(text: str, position: int, hashes: str, quote: str) -> int:
    """The offset after the closing quote. An interpolation may hold strings of its own."""
    escape, closing = "\\" + hashes, quote + hashes
    while position < len(text):
        if text.startswith(escape + "(", position):
            position = end_of_parentheses(text, position + len(escape) + 1)
        elif text.startswith(escape, position):
            position += len(escape) + 1
        elif text.startswith(closing, position):
            return position + len(closing)
        else:
            position += 1
    return position


def end_of_parentheses(text: str, position: int) -> int:
    depth = 1
    while position < len(text) and depth:
        if opening := re.compile(r'(#*)("""|")').match(text, position):
            position = end_of_string(text, opening.end(), opening.group(1), opening.group(2))
            continue
        depth += (text[position] in "([{") - (text[position] in ")]}")
        position += 1
    return position


def parameters_of(code: str, start: int) -> tuple[list[str], int]:
    """The parameters after an opening parenthesis, and the offset after the closing one."""
    depth, position, begin, found = 1, start, start, []
    while position < len(code) and depth:
        character = code[position]
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and character == ","):
            found.append(code[begin:position].strip())
            begin = position + 1
        position += 1
    parameters: list[str] = []
    for one in found:
        if re.match(r"(?:@\w+\s+)*(?:\w+|`\w+`)(?:\s+(?:\w+|`\w+`))?\s*:", one):
            parameters.append(one)
        elif parameters:  # a comma within angle brackets
            parameters[-1] += ", " + one
    return parameters, position


def body_of(code: str, position: int) -> tuple[int, int] | None:
    """The first and last offset of the braces that follow a signature; nil where there is no body."""
    depth = 0
    while position < len(code):
        character = code[position]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "{" and depth == 0:
            break
        elif character == "}" or (character == "\n" and re.match(r"\s*(?:@|\b(?:func|init|var|let|case|package|public|private|static|mutating|struct|enum|extension)\b)", code[position + 1 :])):
            return None
        position += 1
    start, depth = position, 0
    while position < len(code):
        depth += (code[position] == "{") - (code[position] == "}")
        position += 1
        if depth == 0:
            return start, position
    return None


class Function:
    def __init__(self, place: str, name: str, parameters: list[str], lines: int):
        self.place, self.name, self.parameters, self.lines = place, name, parameters, lines

    @property
    def unlabelled(self) -> int:
        return sum(re.match(r"(?:@\w+\s+)*_\s", one) is not None for one in self.parameters)


def functions_in(path: Path, root: Path) -> list[Function]:
    code = without_comments_and_strings(path.read_text())
    found = []
    for match in DECLARATION.finditer(code):
        before = code[max(0, match.start() - 12) : match.start()]
        # A call of an initialiser is no declaration.
        if match.group(0).startswith(("init", "subscript")) and re.search(r"[.\w]\s*$", before) and not re.search(
            r"\b(?:package|public|private|fileprivate|internal|required|convenience|override|mutating)\s*$", before):
            continue
        if before.endswith("."):
            continue
        parameters, after = parameters_of(code, match.end())
        if match.group(0).startswith("subscript"):
            parameters = [one for one in parameters if re.match(r"\w+\s+\w+\s*:", one)]
        body = body_of(code, after)
        lines = code.count("\n", *body) + 1 if body else 0
        line = code.count("\n", 0, match.start()) + 1
        name = re.sub(r"^func\s+|\s*(<.*)?\($", "", match.group(0))
        found.append(Function(f"{path.relative_to(root)}:{line}", name, parameters, lines))
    return found


def targets_of(root: Path) -> dict[str, str]:
    """The targets of Package.swift that are built from Sources, with their folders; programs and C borders too."""
    manifest = (root / "Package.swift").read_text()
    found: dict[str, str] = {}
    for name, path in re.findall(r'\broom\(\s*"(\w+)"(?:,\s*path:\s*"([^"]+)")?', manifest):
        found[name] = path or f"Sources/{name}"
    for name in re.findall(r'\bprogram\(\s*"(\w+)"', manifest):
        found[name] = f"Sources/{name}"
    return found


def measure(root: Path) -> tuple[dict, list[Function], dict[str, int]]:
    files = sorted((root / "Sources").rglob("*.swift"))
    functions = [one for path in files for one in functions_in(path, root)]
    lines = comments = 0
    for path in files:
        rows = [row.strip() for row in path.read_text().splitlines() if row.strip()]
        lines += len(rows)
        comments += sum(row.startswith("//") for row in rows)
    sizes = {
        name: sum(len(path.read_text().splitlines()) for path in (root / folder).rglob("*.swift"))
        for name, folder in targets_of(root).items()
    }
    manifest = (root / "Package.swift").read_text()
    programs = set(re.findall(r'\bprogram\(\s*"(\w+)"', manifest))
    parameters = sum(len(one.parameters) for one in functions)
    unlabelled = sum(one.unlabelled for one in functions)
    bodies = sorted(one.lines for one in functions if one.lines)
    figures = {
        "targets": len(sizes), "rooms": len(sizes.keys() - programs), "programs": len(programs),
        "targets_under_150_lines": sum(size < 150 for size in sizes.values()),
        "files": len(files), "lines_not_blank": lines, "comment_percent": round(100 * comments / lines, 1),
        "functions": len(functions), "function_lines_median": bodies[len(bodies) // 2],
        "function_lines_p90": bodies[len(bodies) * 9 // 10], "functions_over_30_lines": sum(b > 30 for b in bodies),
        "parameters": parameters, "unlabelled_parameters": unlabelled,
        "unlabelled_percent": round(100 * unlabelled / parameters, 1),
        "functions_with_three_unlabelled": sum(one.unlabelled >= 3 for one in functions),
    }
    return figures, functions, sizes


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    options.add_argument("--json", action="store_true", help="the figures as one JSON object")
    options.add_argument("--list", choices=["unlabelled", "long", "small"], help="the places behind a figure")
    options.add_argument("--check", action="store_true", help="ends with 1 where a limit is exceeded")
    chosen = options.parse_args()
    figures, functions, sizes = measure(chosen.folder)
    if chosen.list == "unlabelled":
        for one in sorted(functions, key=lambda one: (-one.unlabelled, one.place)):
            if one.unlabelled >= 3:
                print(f"{one.unlabelled}  {one.place}  {one.name}")
    elif chosen.list == "long":
        for one in sorted(functions, key=lambda one: -one.lines):
            if one.lines > 30:
                print(f"{one.lines}  {one.place}  {one.name}")
    elif chosen.list == "small":
        for name, size in sorted(sizes.items(), key=lambda pair: pair[1]):
            if size < 150:
                print(f"{size}  {name}")
    elif chosen.json:
        print(json.dumps(figures, indent=2))
    elif not chosen.check:
        for name, figure in figures.items():
            print(f"{name.replace('_', ' '):36} {figure:>8}")
    if not chosen.check:
        return 0
    excess = [f"{name.replace('_', ' ')}: {figures[name]}, at most {limit}" for name, limit in LIMITS.items() if figures[name] > limit]
    print("\n".join(excess) or "house: parameters are labelled, and rooms are few and large enough", file=sys.stderr if excess else sys.stdout)
    return 1 if excess else 0


if __name__ == "__main__":
    sys.exit(main())
