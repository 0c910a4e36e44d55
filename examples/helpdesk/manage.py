#!/usr/bin/env python
"""The commands of this project: `python manage.py` lists them. It is `lback`, from any folder."""

import os
from pathlib import Path

from lback.cli.main import main

if __name__ == "__main__":
    os.environ.setdefault("LBACK_PROJECT_ROOT", str(Path(__file__).resolve().parent))
    main()
