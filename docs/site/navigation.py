"""The pages of the site and their order in the side bar."""

from pathlib import Path

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
        "Learn": [
            "/docs/tutorial/README",
            *sorted(f"/examples/{p.parent.name}/README" for p in ROOT.glob("examples/*/README.md")),
        ],
        "Guides": sorted(f"/docs/guides/{p.stem}" for p in (ROOT / "docs" / "guides").glob("*.md")),
        "Reference": ["/docs/reference/README", "/docs/signals"],
        "Project": [
            "/docs/upgrading",
            "/CHANGELOG",
            "/docs/security/asvs",
            "/docs/security/threat-model",
            "/benchmarks/results/results",
            "/docs/site/decisions",
            "/CONTRIBUTING",
        ],
    },
    "docs/tutorial/README": {"": CHAPTERS},
    "docs/reference/README": {"": REFERENCE},
    "docs/site/decisions": {"": [f"/docs/decisions/{name}" for name in RECORDS]},
}
