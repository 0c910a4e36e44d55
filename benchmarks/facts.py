"""What a figure depends on: the processor, the interpreter, the versions."""

import importlib.metadata
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from lback.distribution import NAME

PACKAGES = (
    "bottle", "Django", "falcon", "Flask", "granian", "Jinja2", "msgspec", "multipart",
    "python-multipart", "SQLAlchemy", "starlette", "Werkzeug",
)  # fmt: skip


def facts() -> dict[str, object]:
    """Describe the machine, without its name and without a path."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _first(r"model name\s*: (.*)", "/proc/cpuinfo") or platform.machine(),
        "cores": len(re.findall(r"^processor", _text("/proc/cpuinfo"), re.MULTILINE)),
        "memory_gib": round(int(_first(r"MemTotal:\s*(\d+)", "/proc/meminfo") or 0) / 2**20),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {
            "lback": importlib.metadata.version(NAME),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
            "falcon-compiled": _compiled_version(),
        },
    }


def load() -> str:
    """Tell how busy the machine is: the mean number of running processes of the last minute."""
    return _text("/proc/loadavg").split(" ", 1)[0]


def _compiled_version() -> str:
    pinned = (Path(__file__).parent / "requirements-compiled.txt").read_text()
    return (re.search(r"==(\S+)", pinned) or ["", ""])[1]


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def _first(pattern: str, path: str) -> str | None:
    found = re.search(pattern, _text(path))
    return found[1].strip() if found else None
