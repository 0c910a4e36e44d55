"""Programs that serve, started for a test and stopped after it; and requests to them."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 90.0
ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d+)")


@dataclass
class Running:
    """A program that serves."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def project(self) -> Path:
        return self.log.parent

    @property
    def printed(self) -> str:
        return self.log.read_text()

    @property
    def port(self) -> int:
        found = ADDRESS.search(self.printed)
        assert found, self.printed
        return int(found[1])

    def workers(self) -> list[int]:
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in found]

    def get(self, path: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", path, headers={"Host": "localhost"})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def until(self, what: Callable[[], bool]) -> None:
        """Wait for something to become true; what cannot connect meanwhile is tried again."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if what():
                    return
            except OSError:
                pass
            assert self.process.poll() is None, self.printed
            time.sleep(0.05)
        raise AssertionError(self.printed)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert "panicked" not in self.printed, self.printed  # of a thread in Rust
        return code


def hear_interrupts() -> None:
    """Take Ctrl+C as usual; a shell has what it runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(*arguments: str, cwd: Path, **variables: str) -> Iterator[Running]:
    """Run `lback` with arguments until it answers, and end it with all its children."""
    environ = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
    log = cwd / "printed.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lback", *arguments],
            cwd=cwd,
            env={**environ, "PYTHONUNBUFFERED": "1", **variables},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=hear_interrupts,  # noqa: PLW1509  it takes no lock
        )
    program = Running(process, log)
    try:
        program.until(lambda: ADDRESS.search(program.printed) is not None)
        program.until(lambda: program.get("/")[0] > 0)
        yield program
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
