"""The order of the pages in the site, and what each page gets beside its text."""

from pathlib import Path
from typing import Any

from docs.site.pages import PAGES

ROOT = Path(__file__).parents[2]
# Pages of the site; everything else in the repository is left out.
PATTERNS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/tutorial/*.md",
    "docs/guides/*.md",
    "docs/reference/*.md",
    "docs/decisions/*.md",
    "docs/security/*.md",
    "docs/site/decisions.md",
    "examples/*/README.md",
    "benchmarks/results/*.md",
)
CHAPTERS = sorted(path.stem for path in (ROOT / "docs" / "tutorial").glob("[0-9]*.md"))
RECORDS = sorted(path.stem for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
REFERENCE = ["settings", "commands", *(page.slug for page in PAGES)]
# The pages below a page: captions of the side bar, and their pages.
BELOW: dict[str, dict[str, list[str]]] = {
    "README": {
        "Learn": ["/docs/tutorial/README", "/examples/helpdesk/README"],
        "Guides": sorted(f"/docs/guides/{p.stem}" for p in (ROOT / "docs" / "guides").glob("*.md")),
        "Reference": ["/docs/reference/README", "/docs/signals"],
        "Project": [
            "/docs/upgrading",
            "/CHANGELOG",
            "/docs/security/asvs",
            "/benchmarks/results/results",
            "/docs/site/decisions",
            "/CONTRIBUTING",
        ],
    },
    "docs/tutorial/README": {"": CHAPTERS},
    "docs/reference/README": {"": REFERENCE},
    "docs/site/decisions": {"": [f"/docs/decisions/{name}" for name in RECORDS]},
}


def add_pages_below(_app: Any, page: str, source: list[str]) -> None:
    """Add to a page what the side bar shows below it; the file itself stays plain Markdown."""
    for caption, pages in BELOW.get(page, {}).items():
        options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
        source[0] += "\n\n" + "\n".join(["```{toctree}", *options, "", *pages, "```"]) + "\n"


def link_markdown(_app: Any, page: str, _template: str, context: dict[str, Any], tree: Any) -> None:
    """Name the Markdown form of a page in its head and at its end."""
    if tree is None:
        return
    name = page.rpartition("/")[2] + ".md"
    context["metatags"] += f'<link rel="alternate" type="text/markdown" href="{name}">'
    context["body"] += f'<p class="markdown-form"><a href="{name}">This page as Markdown</a></p>'


def setup(app: Any) -> None:
    """Connect the two to Sphinx."""
    app.connect("source-read", add_pages_below)
    app.connect("html-page-context", link_markdown)
