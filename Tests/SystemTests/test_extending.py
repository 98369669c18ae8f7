"""Docs/extending.md names files; they are there. NAME stands for what a reader adds: its folder is there, or is new in one that is."""

import re

import pytest

from aws_emulator import ROOT

PAGE = (ROOT / "Docs" / "extending.md").read_text()
# Paths of the project, as they stand between backquotes.
FIRST = "Sources|Tests|Docs|Examples|infra|scripts|Fuzz|Clients|Benchmarks"
PATHS = sorted(set(re.findall(rf"`((?:{FIRST})(?:/[^`\s]*)?|Package\.swift|CHANGELOG\.md)`", PAGE)))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_on_the_page_exists(path):
    if "NAME" not in path:
        assert (ROOT / path).exists()
        return
    folders = [part for part in path.split("/")[:-1]]
    while folders and not (ROOT / "/".join(folders)).is_dir():
        folders.pop()
    # `Sources/LambdaEvents/HTTP/NAME.swift` may be the first in its folder.
    assert len(folders) >= 1 and path.split("/")[0] in folders


def test_the_page_is_read_whole():
    # Whatever looks like a path is one of those above.
    looks = set(re.findall(r"`([\w./+-]+/[\w./+-]+)`", PAGE))
    assert looks - set(PATHS) == set()
    assert len(PATHS) > 40


@pytest.mark.parametrize("heading", ["A source", "A table backend", "A dialect", "A handler of your own", "An HTTP route"])
def test_each_kind_of_extension_has_its_files_and_its_tests(heading):
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    assert re.search(r"`(?:Sources|Examples)/", section)
    assert "Tests:" in section or "Examples/" in section


def test_the_products_that_the_page_lists_are_those_of_the_package():
    manifest = (ROOT / "Package.swift").read_text()
    products = set(re.findall(r'\.library\(name: "(\w+)"', manifest))
    section = PAGE.split("\n## A handler of your own\n", 1)[1].split("\n## ", 1)[0]
    listed = {name for row in re.findall(r"^\| (`[^|]+) \|", section, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert listed == products
