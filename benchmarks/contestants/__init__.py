"""The contestants: a module each, with `build(app)` for the applications of the scenarios.

Each is written as its own documentation teaches, in its usual production configuration. What a
contestant does not offer, it leaves out: `build` returns `None` then.
"""

NAMES = ("raw", "lback", "falcon", "falcon-compiled", "bottle", "starlette", "flask", "django")
TITLES = {
    "raw": "raw WSGI", "lback": "Lback", "falcon": "Falcon", "falcon-compiled": "Falcon (Cython)",
    "bottle": "Bottle", "starlette": "Starlette", "flask": "Flask", "django": "Django",
}  # fmt: skip
