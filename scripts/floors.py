"""Floors: Package.swift's targets (as JSON on standard input) against Docs/architecture.md and against what the sources import.

    swift package dump-package | python3 scripts/floors.py             silent but for a line if all is well, else 1
    swift package dump-package | python3 scripts/floors.py --programs  the executables that are shipped, a line each
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
IMPORT = re.compile(r"^(?:(?:package|public|internal|private|fileprivate|@\w+) )*import (?:(?:struct|class|enum|protocol|func) )?(\w+)", re.M)
FOUNDATION = {"Foundation", "FoundationEssentials"}
# The gateway shares only these rooms with what is deployed.
GATEWAY_MAY_USE = {"CLinux", "LambdaEvents", "HTTPWire", "JSON", "Messaging", "Telemetry", "WebSocketWire"}


def targets(package):
    """Of each target of Sources its folder and the targets it depends on."""
    return {
        target["name"]: (target.get("path") or f"Sources/{target['name']}", dependencies(target), target["type"])
        for target in package["targets"] if (target.get("path") or "Sources/").startswith("Sources/")
    }


def dependencies(target):
    return {(one.get("byName") or one.get("target"))[0] for one in target["dependencies"]}


def floors(page):
    """Of each room the floor on which the page's table has it; beside the house is above all."""
    found, faults = {}, []
    for floor, rooms in re.findall(r"^\| (\d+|–) \| ([^|]+) \|", page, re.M):
        for room in re.findall(r"`(\w+)`", rooms.split("(")[0]):
            if room in found:
                faults.append(f"Docs/architecture.md has {room} on two floors")
            found[room] = 100 if floor == "–" else int(floor)
    return found, faults


def check(rooms, page):
    floor, faults = floors(page)
    for name in sorted(rooms.keys() ^ floor.keys()):
        where = "Package.swift" if name in rooms else "Docs/architecture.md"
        faults.append(f"{name} stands in {where} only; Package.swift and the table of Docs/architecture.md have the same rooms")
    for name, (folder, needed, kind) in sorted(rooms.items()):
        for other in sorted(needed & floor.keys()):
            # The local gateway and the tool stand beside the house: the tool uses the gateway.
            if floor.get(name, 0) <= floor[other] and (name, other) != ("tickertape", "LocalGateway"):
                faults.append(f"Package.swift: {name} (floor {floor.get(name)}) depends on {other} (floor {floor[other]})")
        if name == "LocalGateway" and needed - GATEWAY_MAY_USE:
            faults.append(f"Package.swift: the gateway depends on {', '.join(sorted(needed - GATEWAY_MAY_USE))}")
        for file in sorted((ROOT / folder).rglob("*.swift")):
            faults += imports(file, name, needed, rooms)
    return faults


def imports(file, name, needed, rooms):
    shown = file.relative_to(ROOT)
    for module in IMPORT.findall(file.read_text()):
        if module in FOUNDATION:
            yield f"{shown}: imports {module}; shipped code does without"
        if module in rooms and module not in needed:
            yield f"{shown}: {name} imports {module}, which is not among its dependencies in Package.swift"
        if module == "TableBackends" and file.name != "main.swift" and name != "tickertape":
            yield f"{shown}: a table backend is chosen in main.swift only"


def main():
    rooms = targets(json.load(sys.stdin))
    if "--programs" in sys.argv:
        print("\n".join(sorted(name for name, one in rooms.items() if one[2] == "executable")))
        return 0
    faults = check(rooms, (ROOT / "Docs/architecture.md").read_text())
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"floors: {len(rooms)} targets, every import goes down, and Docs/architecture.md says the same")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
