"""The development server, as it lives through a day of edits."""

import re
import signal
import socket
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import SETTINGS, URLS, Run
from tests.cli.serving import running

SHOP_NAME_URLS = URLS.replace('return "home"', "return request.config.SHOP_NAME")


def test_it_says_where_it_is_and_outlives_every_mistake(project: Path) -> None:
    deep = project / "deep"
    deep.mkdir()
    (project / "settings.py").write_text(SETTINGS + 'SHOP_NAME = "of the settings"\n')
    (project / "urls.py").write_text(SHOP_NAME_URLS)
    (project / ".env").write_text("SHOP_NAME=Corner\n")
    with running("runserver", "--port", "0", cwd=deep) as program:
        assert program.get("/") == (200, "Corner")
        assert program.printed.startswith("Lback serves http://127.0.0.1:")

        (project / ".env").write_text("SHOP_NAME=Square\n")
        program.until(lambda: program.get("/") == (200, "Square"))

        (project / "urls.py").write_text(URLS + "urlpatterns += [\n")
        program.until(lambda: program.get("/")[0] == 500)
        _, page = program.get("/")
        assert page.startswith("This project cannot start. The terminal shows the reason.")
        assert "Error: the urls module 'urls' cannot be imported: SyntaxError" in program.printed
        assert "Traceback" not in program.printed

        (project / "urls.py").write_text(URLS)
        program.until(lambda: program.get("/") == (200, "home"))
        assert program.stop(signal.SIGINT) == 0


def test_a_taken_port_is_answered_with_a_free_one(lback: Run, project: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

        result = lback("runserver", "--port", str(port), cwd=project)

    assert result.returncode == 1
    assert f"Error: port {port} of 127.0.0.1 is taken by another program; " in result.stderr
    assert re.search(
        r"; (\d+) is free: give --port \1, or set PORT=\1 in the environment\n$", result.stderr
    )


def test_a_project_that_is_broken_from_the_start_is_one_message(lback: Run, project: Path) -> None:
    (project / "settings.py").write_text(SETTINGS + "PORT = 99999\nHOST = 5\n")

    result = lback("runserver", cwd=project)

    assert result.returncode == 1
    assert result.stderr.startswith("Error: 2 settings cannot work:\n")
    assert "- PORT = 99999 (settings.py): must be a port: 0 to 65535" in result.stderr
    assert "- HOST = 5 (settings.py): must be text, in quotes" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_project_there_is_nothing_to_run(lback: Run) -> None:
    result = lback("runserver")

    assert result.returncode == 1
    assert "Error: no project found: found no settings.py that you own in " in result.stderr
    assert "lback new project NAME" in result.stderr
