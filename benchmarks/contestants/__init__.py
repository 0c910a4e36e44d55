"""The contestants: a module each, with `build(app)` for the applications of the scenarios.

Each is written as its own documentation teaches, in its usual production configuration. What a
contestant does not offer, it leaves out: `build` returns `None` then.
"""

TITLES = {
    "raw": "raw WSGI",
    "lback": "Lback",
    "lback-defaults": "Lback (defaults)",
    "falcon": "Falcon",
    "falcon-compiled": "Falcon (Cython)",
    "bottle": "Bottle",
    "starlette": "Starlette",
    "flask": "Flask",
    "django": "Django",
}
NAMES = tuple(TITLES)
