"""Docs/glossary.md names the types that carry its words: each is declared in Sources, and none by a name that was replaced."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / "Docs/glossary.md").read_text()
NAMED = sorted(set(re.findall(r"`([A-Z][A-Za-z]+)`", GLOSSARY)))
REPLACED = {line.split("\t")[0] for line in (ROOT / "scripts/renamed-words.tsv").read_text().splitlines() if "\t" in line}


def declared():
    sources = (path.read_text() for path in (ROOT / "Sources").rglob("*.swift"))
    return {name for text in sources for name in re.findall(r"\b(?:struct|class|enum|protocol|typealias) (\w+)", text)}


def test_each_type_that_the_glossary_names_is_declared():
    assert len(NAMED) > 15
    assert set(NAMED) - declared() == set()


def test_the_words_that_replaced_others_are_declared_or_named():
    """The table's right side is what `make lint` sends people to."""
    rows = [line.split("\t") for line in (ROOT / "scripts/renamed-words.tsv").read_text().splitlines() if "\t" in line]
    types = {word.strip() for _, new in rows for word in new.split(",") if word[:1].isupper() or word[:1] == " "}
    assert types - declared() == set()
    assert not REPLACED & set(NAMED)
