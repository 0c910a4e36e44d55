"""Builds the site: `python -m docs.site.build build/docs`, which `make docs` does.

Sphinx makes the pages; this adds `index.html`, each page as plain Markdown and `llms.txt`, and then
follows every link of the pages. It ends with 1 where a link is broken or a page would load
something from another host.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from docs.site.navigation import BELOW, PATTERNS, REFERENCE

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OTHER_HOST = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?:https?:)?//""")
# Attributes by which a page loads something; a link that a reader follows is not among them.
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
SUMMARY = "> A Python web framework: WSGI, Jinja2, SQLAlchemy 2, Alembic, typed views, an admin."


def pages() -> list[Path]:
    """Return the Markdown files that the site is made of."""
    return sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})


def run_sphinx(target: Path) -> int:
    """Build the pages; a warning, such as one of a link that leads nowhere, is an error."""
    options = [
        "-q",
        "-n",
        "-E",
        "-W",
        "--keep-going",
        "-j",
        "auto",
        "-b",
        "html",
        "-c",
        "docs/site",
    ]
    command = [sys.executable, "-m", "sphinx", *options, "-d", f"{target}.cache", ".", str(target)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def copy_markdown(target: Path) -> None:
    """Put each page as Markdown beside its HTML, with the files that it links to."""
    for page in pages():
        linked = {
            (page.parent / unquote(name)).resolve() for name in LINK.findall(page.read_text())
        }
        for path in [page, *(path for path in linked if path.is_file() and ROOT in path.parents)]:
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def title(path: Path) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", path.read_text(), re.MULTILINE)
    return found[1] if found else path.stem


def llms_txt() -> str:
    """Return the list of all pages for language models (https://llmstxt.org)."""
    parts = ["# Lback", SUMMARY, "- [README](README.md): what Lback is, and a first application"]
    for caption, names in BELOW["README"].items():
        inner = [f"/docs/reference/{name}" for name in REFERENCE] if caption == "Reference" else []
        if caption == "Learn":
            inner = [f"/docs/tutorial/{name}" for name in BELOW["docs/tutorial/README"][""]]
        if caption == "Project":
            inner = BELOW["docs/site/decisions"][""]
        files = [f"{name}.md".lstrip("/") for name in [*names, *inner]]
        parts.append(f"## {caption}")
        parts.append("\n".join(f"- [{title(ROOT / file)}]({file})" for file in files))
    return "\n\n".join(parts) + "\n"


class Links(HTMLParser):
    """The links, the anchors and the loaded files of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names."""
        values = {name: value or "" for name, value in attrs}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if LOADS.get(tag) in values:
            self.loads.append(values[LOADS[tag]])


def problems(target: Path) -> Iterator[str]:
    """Return what is wrong with the built site."""
    found: dict[Path, Links] = {}
    for path in target.rglob("*.html"):
        found[path] = Links()
        found[path].feed(path.read_text())
    for path, page in found.items():
        shown = path.relative_to(target)
        yield from (f"{shown} loads {url}" for url in page.loads if urlsplit(url).netloc)
        for url in [*page.links, *page.loads]:
            if (
                not urlsplit(url).scheme
                and not urlsplit(url).netloc
                and _is_broken(path, url, found)
            ):
                yield f"{shown} links to {url}, which is not there"
    for style in target.rglob("*.css"):
        if OTHER_HOST.search(style.read_text()):
            yield f"{style.relative_to(target)} loads from another host"


def _is_broken(path: Path, url: str, found: dict[Path, Links]) -> bool:
    address, fragment = urldefrag(url)
    place = unquote(urlsplit(address).path)
    other = (path.parent / place).resolve() if place else path
    if not other.exists():
        return True
    return bool(fragment) and other in found and unquote(fragment) not in found[other].anchors


def main(target: Path) -> int:
    """Build and check the site; return the exit code."""
    shutil.rmtree(target, ignore_errors=True)
    if code := run_sphinx(target):
        return code
    shutil.copyfile(target / "README.html", target / "index.html")
    copy_markdown(target)
    (target / "llms.txt").write_text(llms_txt(), encoding="utf-8")
    wrong = list(problems(target))
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    if not wrong:
        sys.stdout.write(f"open {target / 'index.html'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve()))
