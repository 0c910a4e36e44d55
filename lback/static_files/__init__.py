"""Static files: found in project and apps, served, collected under names that say the content."""

from lback.static_files.collectstatic import Collection, collect
from lback.static_files.files import StaticFiles

__all__ = ["Collection", "StaticFiles", "collect"]
