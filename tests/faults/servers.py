"""Private servers that a test may freeze, stop and start: databases, Redis, RabbitMQ, PgBouncer."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str | None:
    """Return the path of a program, also outside PATH as Debian installs servers."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = ["/usr/sbin", "/usr/local/sbin", *map(str, versions)]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(places))


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


class Server:
    """A server process with a data directory of its own.

    Servers that refuse to run as root run as `user`.
    """

    programs: tuple[str, ...] = ()
    user = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="lback-faults-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[int] = []
        if self.as_user:
            shutil.chown(self.folder, self.as_user)

    @classmethod
    def missing(cls) -> str:
        """Return the name of a program that is not installed, or an empty text."""
        return next((name for name in cls.programs if program(name) is None), "")

    @property
    def as_user(self) -> str:
        if os.geteuid() != 0 or not self.user:
            return ""
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(self.user).pw_name
        return ""

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def run(self, *command: str) -> None:
        result = subprocess.run(
            [str(program(command[0])), *command[1:]], check=False, capture_output=True,
            text=True, cwd=self.folder, **self._identity(),
        )  # fmt: skip
        if result.returncode:
            raise RuntimeError(f"{command[0]} failed: {result.stdout}{result.stderr}")

    def _identity(self) -> dict[str, Any]:
        user = self.as_user
        return {"user": user, "group": user, "extra_groups": []} if user else {}

    def start(self) -> None:
        command = self.command()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(program(command[0])), *command[1:]], stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, **self._identity(),
            )  # fmt: skip
        until(self.answers, f"{command[0]} does not start")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def freeze(self) -> None:
        """Stop all processes of the server without ending them."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        self._frozen = [self._process.pid, *children(self._process.pid)]
        for pid in self._frozen[1:]:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._frozen[::-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def stop(self) -> None:
        """End the server at once, as a crash does."""
        self.thaw()
        if self._process is not None:
            pids = [self._process.pid, *children(self._process.pid)]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
            self._process = None
            for pid in pids[1:]:
                until(lambda pid=pid: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "ends")  # type: ignore[misc]  # a default argument

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_zombie(pid: int) -> bool:
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def until(condition: Callable[[], bool], otherwise: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.05)


class PostgreSQL(Server):
    programs = ("postgres", "initdb")
    user = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        if not (self.folder / "data").exists():
            self.run("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8")
        # Left behind by a server that was killed.
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        super().start()
        until(self._is_ready, "PostgreSQL does not become ready")

    def _is_ready(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def command(self) -> list[str]:
        return ["postgres", "-D", "data", "-p", str(self.port), "-k", str(self.folder),
                "-c", "listen_addresses=127.0.0.1"]  # fmt: skip


class MariaDB(Server):
    programs = ("mariadbd", "mariadb-install-db")
    user = "mysql"

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/test"

    def start(self) -> None:
        if not (self.folder / "data").exists():
            self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data",
                     "--auth-root-authentication-method=normal")  # fmt: skip
        super().start()
        until(self._is_ready, "MariaDB does not become ready")

    def _is_ready(self) -> bool:
        import pymysql

        try:
            with pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection:
                connection.cursor().execute("CREATE DATABASE IF NOT EXISTS test")
        except pymysql.Error:
            return False
        return True

    def command(self) -> list[str]:
        return ["mariadbd", "--no-defaults", f"--datadir={self.folder}/data",
                f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.folder}/s", f"--pid-file={self.folder}/pid"]  # fmt: skip


class Redis(Server):
    programs = ("redis-server",)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", str(self.folder)]  # fmt: skip


class RabbitMQ(Server):
    """A node of its own, which knows nothing of other nodes on this machine."""

    programs = ("rabbitmq-server", "erl")

    def __init__(self) -> None:
        super().__init__()
        self._node_port = free_port()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        until(self._is_ready, "RabbitMQ does not become ready")

    def _is_ready(self) -> bool:
        import pika
        from pika.exceptions import AMQPError

        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (AMQPError, OSError):
            return False
        return True

    def command(self) -> list[str]:
        # Without these two files it reads the settings of the system's own server.
        (self.folder / "env.conf").touch()
        (self.folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        # Debian's program in PATH changes to the user and the folder of the system's own server.
        script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        return [str(script) if script.exists() else "rabbitmq-server"]

    def _identity(self) -> dict[str, Any]:
        folder = str(self.folder)
        names = {"HOME": folder, "NODENAME": f"lback-{self.port}@localhost"}
        names |= {"CONF_ENV_FILE": f"{folder}/env.conf", "CONFIG_FILE": f"{folder}/rabbitmq.conf"}
        names |= {"DIST_PORT": str(self._node_port), "MNESIA_BASE": f"{folder}/mnesia"}
        names |= {"LOG_BASE": f"{folder}/log", "ENABLED_PLUGINS_FILE": f"{folder}/plugins"}
        own = {n if n == "HOME" else f"RABBITMQ_{n}": value for n, value in names.items()}
        return {**super()._identity(), "env": {**os.environ, **own}}


class PgBouncer(Server):
    """PgBouncer in transaction mode before a PostgreSQL server on this machine.

    Args:
        target: Port of the server.
    """

    programs = ("pgbouncer",)
    user = "postgres"

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        users = self.folder / "users.txt"
        users.write_text('"postgres" ""\n')
        file = self.folder / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self._target}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            f"auth_type = trust\nauth_file = {users}\nunix_socket_dir =\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n"
        )
        return ["pgbouncer", str(file)]
