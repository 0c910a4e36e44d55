"""Sphinx: the site of the documentation from the Markdown files of the repository.

The repository is the source, so that links between pages are the same here and on a code host.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.site import extension, navigation  # noqa: E402  needs the path above
from lback import __version__  # noqa: E402

project = "Lback"
author = copyright = "The Lback founders"  # noqa: A001  the name that Sphinx reads
release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "README"
include_patterns = list(navigation.PATTERNS)
exclude_patterns = [".*", "build", "dist", "lback", "tests", "benchmarks/.*"]

myst_heading_anchors = 6
myst_links_external_new_tab = False
smartquotes = False  # quotes in text are often those of code
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Lback {release}"
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["static"]
html_css_files = ["lback.css"]
html_js_files = ["offline.js"]
html_permalinks_icon = "#"
pygments_style = "friendly"
pygments_dark_style = "monokai"

setup = extension.setup
