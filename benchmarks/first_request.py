"""A process that starts, answers one request and ends: what `startup.py` measures.

Each contestant's part imports what it needs and nothing more.
"""

import sys
from typing import Any


def lback() -> Any:
    from lback import Application, Response

    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
    app.add_route("/plaintext", lambda request: Response("Hello"), requires_auth=False)
    return app


def lback_with_database() -> Any:
    app = lback()
    assert app.db_manager.engine
    return app


def falcon() -> Any:
    import falcon

    class Plaintext:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.text = "Hello"

    app = falcon.App()
    app.add_route("/plaintext", Plaintext())
    return app


def flask() -> Any:
    from flask import Flask

    app = Flask("first")
    app.add_url_rule("/plaintext", view_func=lambda: "Hello")
    return app


def sqlalchemy(build: Any) -> Any:
    import sqlalchemy.orm

    sqlalchemy.create_engine("sqlite://")
    return build()


BUILDERS = {
    "Lback": lback, "Falcon": falcon, "Flask": flask,
    "Lback with its database": lback_with_database,
    "Falcon with SQLAlchemy": lambda: sqlalchemy(falcon),
    "Flask with SQLAlchemy": lambda: sqlalchemy(flask),
}  # fmt: skip


def main() -> None:
    from io import BytesIO
    from pathlib import Path

    app = BUILDERS[sys.argv[1]]()
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/plaintext", "QUERY_STRING": "",
        "SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
        "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    assert b"".join(app(environ, lambda status, headers, error=None: None)) == b"Hello"
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


if __name__ == "__main__":
    main()
