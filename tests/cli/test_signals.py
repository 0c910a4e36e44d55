"""Signals: all of them with their receivers, and those of a running server as they happen."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lback.cli.signal_catalogue import catalogue
from lback.cli.signal_feed import SignalFeed, feeding, line_of, socket_path
from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher
from tests.cli.conftest import URLS, Run
from tests.cli.serving import running


def test_the_catalogue_is_the_table_of_the_documentation() -> None:
    signals = {signal.name: signal for signal in catalogue()}

    assert len(signals) > 40
    finished = signals["request_finished"]
    assert (finished.sender, finished.arguments) == ("AppController", "request, response")
    assert finished.when == "exactly once, after the request was handled"


def test_signals_are_shown_with_their_receivers(lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(
        URLS + "from lback import dispatcher\n"
        "def hear(sender, **more): ...\n"
        "dispatcher.connect('request_finished', hear)\n"
        "dispatcher.connect('order_paid', hear)\n"
    )

    lines = lback("signals", "--with-receivers", cwd=project).stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "SIGNAL SENDER WHEN ARGUMENTS RECEIVERS",
        "request_finished AppController exactly once, after the request was handled "
        "request, response urls.hear",
        "order_paid urls.hear",
    ]
    everywhere = lback("signals")
    assert everywhere.returncode == 0
    assert "RECEIVERS" not in everywhere.stdout
    assert lback("signals", "--heard").stdout == "No signal has receivers.\n"


def test_a_running_server_is_watched(lback: Run, project: Path) -> None:
    nobody = lback("signals", "watch", cwd=project)
    assert nobody.returncode == 1
    assert nobody.stderr == (
        "Error: no development server of this project is running with DEBUG on; "
        "start one in another terminal: lback runserver\n"
    )
    with running("runserver", "--port", "0", cwd=project) as program:
        watcher = subprocess.Popen(
            [sys.executable, "-m", "lback", "signals", "watch", "request_"],
            cwd=project,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watcher.stdout is not None
        try:
            assert watcher.stdout.readline().startswith("Watching.")
            program.until(lambda: program.get("/?token=swordfish")[0] == 200)
            line = watcher.stdout.readline()
        finally:
            watcher.terminate()
            watcher.wait(20)
            watcher.stdout.close()
    assert "  server_request_received  AppController  method='GET', path='/', " in line
    assert "swordfish" not in line


def test_receivers_are_connected_while_someone_watches(tmp_path: Path) -> None:
    dispatcher = SignalDispatcher()
    feed = SignalFeed(dispatcher, ["cache_hit", "cache_miss"])
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        assert dispatcher.receivers == {}
        feed.add(theirs)
        assert ours.recv(1000) == b"\n"
        dispatcher.send("cache_hit", None, key="k")
        assert ours.recv(1000).decode().endswith("  cache_hit  the edge  key: str\n")
    dispatcher.send("cache_hit", None, key="k")
    dispatcher.send("cache_miss", None, key="k")
    assert dispatcher.receivers == {}


def test_a_watcher_that_does_not_keep_up_is_left_behind() -> None:
    dispatcher = SignalDispatcher()
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        SignalFeed(dispatcher, ["cache_hit"]).add(theirs)
        for _ in range(100_000):
            dispatcher.send("cache_hit", None)
            if not dispatcher.receivers:
                return
    raise AssertionError("it blocks the server, or is still there")


def test_a_line_stays_one_and_tells_no_value_that_may_be_secret() -> None:
    line = line_of(
        "request_started", None, {"path": "/\n\x1b[31mred", "context": {"password": "swordfish"}}
    )
    assert line.endswith(r"  request_started  the edge  path='/\n\x1b[31mred', context: dict")


def test_no_one_else_can_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with feeding("/srv/shop", SignalFeed(SignalDispatcher(), [])) as path:
        assert path.parent == tmp_path / f"lback-{os.getuid()}"
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()

    path.parent.chmod(0o755)
    with pytest.raises(ConfigurationError, match="is not a directory that only you can access"):
        socket_path("/srv/shop")
