#!/usr/bin/env python
"""Run a command of this project from any directory; without one, list them."""

import os
from pathlib import Path

from lback.cli.main import main

if __name__ == "__main__":
    os.environ.setdefault("LBACK_PROJECT_ROOT", str(Path(__file__).resolve().parent))
    main()
