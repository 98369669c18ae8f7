"""The pages lead somewhere: each link between them to a file, and to a heading if it names one. README.md stays short."""

import re

import pytest

from aws_emulator import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "infra" / "README.md", *sorted((ROOT / "Docs").rglob("*.md"))]


def headings(text: str) -> set[str]:
    """As they are called in links: small letters, no punctuation, hyphens for spaces."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        other = (page.parent / file).resolve() if file else page
        assert other.exists(), target
        assert not heading or heading in headings(other.read_text()), target


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 250


def test_every_page_is_linked_where_people_begin():
    linked = {target for page in PAGES[:2] for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())}
    assert {f"Docs/{page.name}" for page in (ROOT / "Docs").glob("*.md")} - linked == set()
