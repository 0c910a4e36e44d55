"""Static files: find, collect under content-hashed names, and serve."""

from lback.static_files.collectstatic import Collection, collect
from lback.static_files.files import StaticFiles

__all__ = ["Collection", "StaticFiles", "collect"]
