"""The development server, met over real sockets."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lback import Application, ConfigurationError
from lback.core import Server, server
from lback.core.http import development_server

APP = """
from lback import Application, FileResponse
from lback.middleware import csrf_exempt
app = Application(DATABASE_URL="sqlite://")
@app.route("/hello/{name}", requires_auth=False)
def hello(request, name):
    return f"Hello {name}"
@app.route("/echo", methods=["POST"], requires_auth=False)
@csrf_exempt
def echo(request):
    return request.body_text or "nothing"
if __name__ == "__main__":
    app.run()
"""
BANNER = re.compile(r"Lback serves http://127\.0\.0\.1:(\d+)/")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@contextmanager
def running(project: Path, *arguments: str, **variables: str) -> Iterator[tuple[int, Path]]:
    """Run a program that serves, and give its port and the file with what it prints."""
    printed = project / "printed.txt"
    environ = {**os.environ, "PORT": "0", "PYTHONUNBUFFERED": "1", **variables}
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=project, env=environ, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield wait_for_port(printed, process), printed
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=20)


def wait_for_port(printed: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = BANNER.search(printed.read_text())
        if found is not None and answers(int(found[1])):
            return int(found[1])
        assert process.poll() is None, printed.read_text()
        time.sleep(0.05)
    raise AssertionError(f"no address was printed: {printed.read_text()}")


def answers(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_an_application_in_one_file_serves_a_browser(project: Path) -> None:
    with running(project, "app.py") as (port, printed):
        assert ask(port, "GET", "/hello/Ann") == (200, "Hello Ann")
        assert ask(port, "POST", "/echo", "a body") == (200, "a body")
        status, page = ask(port, "GET", "/helo/Ann")
        assert status == 404
        assert "Did you mean" in page  # run() develops: the page is that for developers
        text = printed.read_text()
    assert text.count("Lback serves") == 1
    assert "Stop with Ctrl+C" in text
    assert "'/hello/Ann' 200" in text


def test_it_starts_anew_when_a_file_changes(project: Path) -> None:
    with running(project, "app.py") as (port, printed):
        assert ask(port, "GET", "/hello/Ann") == (200, "Hello Ann")
        (project / "app.py").write_text(APP.replace("Hello {name}", "Good morning {name}"))
        deadline = time.monotonic() + 30
        answer = (0, "")
        while answer != (200, "Good morning Ann") and time.monotonic() < deadline:
            time.sleep(0.2)
            try:
                answer = ask(port, "GET", "/hello/Ann")
            except OSError:  # between the two
                continue
        assert answer == (200, "Good morning Ann"), printed.read_text()


def test_the_server_of_a_project_follows_its_settings_and_has_no_debugger(
    project: Path,
) -> None:
    (project / "settings.py").write_text("DEBUG = True\nROOT_URLCONF = 'shop_urls'\n")
    (project / "shop_urls.py").write_text(
        "from lback import path\n"
        "def fail(request):\n    raise ValueError('swordfish')\n"
        "urlpatterns = [path('/', fail, requires_auth=False)]\n"
    )
    (project / "serve.py").write_text(
        "from lback.core import Server\nServer().run('127.0.0.1', 0)\n"
    )
    with running(project, "serve.py") as (port, _):
        status, page = ask(port, "GET", "/")
        assert status == 500
        assert "swordfish" in page
        assert "debugger" not in page.lower()
        for probe in ("/?__debugger__=yes&cmd=resource&f=debugger.js", "/console"):
            assert "wzd" not in ask(port, "GET", probe)[1].lower()
        assert (project / "config.json").exists()


def test_a_port_that_is_taken_names_one_that_is_free() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        app = Application(DATABASE_URL="sqlite://")
        with pytest.raises(SystemExit) as refused:
            app.run(port=port)
    assert re.search(
        rf"port {port} of 127\.0\.0\.1 is taken .*; (\d+) is free: write app\.run\(port=\1\)$",
        str(refused.value),
    )


def test_a_setting_is_suggested_where_the_code_names_no_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        app = Application(DATABASE_URL="sqlite://")
        with pytest.raises(SystemExit) as refused:
            app.run()
    found = re.search(
        r"; (\d+) is free: write app\.run\(port=\1\), or set PORT=\1 in the environment$",
        str(refused.value),
    )
    assert found, refused.value
    monkeypatch.setenv("PORT", found[1])
    assert int(found[1]) == Application().config.PORT


def test_the_port_that_is_named_is_none_that_is_taken_as_well() -> None:
    for port in range(20000, 60000, 7):
        try:
            first = socket.create_server(("127.0.0.1", port))
            second = socket.create_server(("127.0.0.1", port + 1))
        except OSError:
            continue
        app = Application(DATABASE_URL="sqlite://")
        taken = pytest.raises(SystemExit, match="is taken")
        with closing(first), closing(second), taken as refused:
            app.run(port=port)
        assert f"; {port + 1} is free" not in str(refused.value)
        return
    raise AssertionError("no two neighbouring ports are free")


def test_what_stands_in_the_way_is_one_line_without_a_traceback(project: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "app.py"], cwd=project, env={**os.environ, "PORT": str(port)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: port {port} of 127.0.0.1 is taken")
    assert "Traceback" not in ended.stderr


def test_an_application_without_a_project_is_served_without_a_watcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "app_controller", object())
    monkeypatch.setattr(server, "project_root", None)
    refusal = pytest.raises(ConfigurationError, match="is taken")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, refusal:
        Server().run("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(SystemExit, match="cannot listen on"):
        Application(DATABASE_URL="sqlite://").run(host, 8000)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.3.2.1", "::1"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert development_server.is_loopback(host)


def test_a_server_that_is_open_to_the_network_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not development_server.is_loopback("0.0.0.0")
    development_server._announce("0.0.0.0", 8000, "Database sqlite://")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "This is the development server, open to the network"
    development_server._announce("::1", 8000, "")
    assert capsys.readouterr().out.splitlines()[0] == "Lback serves http://[::1]:8000/"


def test_a_server_needs_its_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "app_controller", object())
    served = Server()
    monkeypatch.setattr(server, "app_controller", None)
    with pytest.raises(ConfigurationError, match="the server has no application"):
        served.add_route("/", lambda request: "")
