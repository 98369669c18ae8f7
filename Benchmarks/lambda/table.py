#!/usr/bin/env python3
"""table.py FILE: the JSON lines of runtime_api as a Markdown table, medians by label.

A ratio is the median over the rounds of (this run / the first label's run of the same round): rounds share the
machine's noise, so ratios can be trusted where the figures beside them cannot.
"""

import json
import statistics
import sys

COLUMNS = [
    ("cold_ms", "spawn to next, ms", 2, True),
    ("answer_ms", "spawn to first answer, ms", 2, True),
    ("inv_s", "warm per second", 0, True),
    ("warm_cpu_us", "CPU each, µs", 1, True),
    ("p99_us", "p99, µs", 0, False),
    ("hwm_kb", "peak memory, KB", 0, False),
    ("errors", "errors", 0, False),
]


def table(lines):
    runs = {}
    for line in lines:
        if line.startswith("{"):
            run = json.loads(line)
            runs.setdefault(run["label"], []).append(run)
    floor = next(iter(runs.values()))
    heads = ["bootstrap", "runs"]
    for _, title, _, has_ratio in COLUMNS:
        heads += [title, "×"] if has_ratio else [title]
    yield heads
    yield ["---"] * len(heads)
    for label, own in runs.items():
        row = [label, str(len(own))]
        for key, _, digits, has_ratio in COLUMNS:
            row.append(f"{statistics.median(run[key] for run in own):.{digits}f}")
            if has_ratio:
                row.append(f"{statistics.median(run[key] / base[key] for run, base in zip(own, floor)):.2f}")
        yield row


for row in table(open(sys.argv[1], encoding="utf-8")):
    print("| " + " | ".join(row) + " |")
