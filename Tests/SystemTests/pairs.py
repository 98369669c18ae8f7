"""Rows of values in which every two values of any two parameters stand together at least once (a covering array of strength two)."""

import itertools
import random
from collections.abc import Callable

Row = dict[str, object]
Pair = tuple[tuple[str, object], tuple[str, object]]


def covering_rows(
        values: dict[str, list], permitted: Callable[[Row], bool], related: set[str], seed: int) -> tuple[list[Row], set[Pair]]:
    """The rows, and the pairs that no permitted row has. `related` are the parameters on which it depends what is permitted: for a
    pair, all their values are tried."""
    chance = random.Random(seed)
    wanted = {pair(one, other) for (left, some), (right, others) in itertools.combinations(values.items(), 2)
              for one in [(left, value) for value in some] for other in [(right, value) for value in others]}
    rows: list[Row] = []
    impossible: set[Pair] = set()
    while wanted:
        # In an order of its own, so that a seed gives the same rows each time.
        first = min(wanted, key=repr)
        row = complete(dict(first), values, permitted, related, wanted, chance)
        if row is None:
            impossible.add(first)
            wanted.remove(first)
        else:
            rows.append(row)
            wanted -= pairs_of(row)
    return rows, impossible


def complete(row: Row, values, permitted, related, wanted: set[Pair], chance: random.Random) -> Row | None:
    """The row with a value for every parameter, each chosen for the pairs that are still wanted; nil if none is permitted."""
    open_related = sorted(related - row.keys())
    settled = [{**row, **dict(zip(open_related, chosen))} for chosen in itertools.product(*(values[name] for name in open_related))]
    settled = [one for one in settled if permitted(one)]
    if not settled:
        return None
    chance.shuffle(settled)
    best = max(settled, key=lambda one: len(wanted & pairs_of(one)))
    names = [name for name in values if name not in best]
    chance.shuffle(names)
    for name in names:
        options = list(values[name])
        chance.shuffle(options)
        best[name] = max(options, key=lambda value: sum(pair((name, value), other) in wanted for other in best.items()))
    return best


def pairs_of(row: Row) -> set[Pair]:
    return {pair(one, other) for one, other in itertools.combinations(row.items(), 2)}


def pair(one: tuple[str, object], other: tuple[str, object]) -> Pair:
    return (one, other) if one[0] < other[0] else (other, one)
