"""A Sphinx extension: what each page of the site gets beside the text of its file."""

import re
from typing import Any

from docutils import nodes
from sphinx.domains.python import ObjectEntry

from docs.site.navigation import BELOW

ENTRY = re.compile(r"(class )?([A-Za-z_][\w.]*)(\(\))?")
IMPORT = re.compile(r"from (\S+) import ")


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


def index_names(app: Any, tree: nodes.document) -> None:
    """Make the search find entries of the reference, and not only the pages they are on."""
    page = app.env.docname
    if not page.startswith("docs/reference/"):
        return
    package, domain = "lback", app.env.get_domain("py")
    for section in tree.findall(nodes.section):
        title = section[0].astext()
        found = ENTRY.fullmatch(title)
        block = next(section.findall(nodes.literal_block), None)
        if found is None or block is None:
            continue
        if imported := IMPORT.match(block.astext()):
            package = imported[1]
        member = "." in found[2]
        kind = "class" if found[1] else ("method" if member else "function")
        kind = kind if found[1] or found[3] else ("attribute" if member else "data")
        entry = ObjectEntry(page, section["ids"][0], kind, aliased=False)
        domain.objects[f"{package}.{found[2]}"] = entry


def setup(app: Any) -> None:
    """Connect these to Sphinx."""
    app.connect("doctree-read", index_names)
    app.connect("source-read", add_pages_below)
    app.connect("html-page-context", link_markdown)
