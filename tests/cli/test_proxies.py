"""The files for Caddy and nginx in the deployment guide, with the real programs."""

import contextlib
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.serving import PATIENCE

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "deployment.md"
URLS = """
from lback import Request, path

def facts(request: Request) -> str:
    return f"{request.client_address} {request.is_secure} {request.headers['Host']}"

def size(request: Request) -> str:
    return str(len(request.body_bytes))

urlpatterns = [
    path("/", facts, requires_auth=False), path("/size", size, ["POST"], requires_auth=False),
]
"""
SETTINGS = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "example.com:{port}",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
    "TRUSTED_PROXIES": "unix",
}


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def nginx(folder: Path, path: Path, port: int) -> list[str]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
         certificate, "-days", "2", "-subj", "/CN=example.com"],
        check=True, capture_output=True,
    )  # fmt: skip
    site = block("nginx")
    for old, new in {
        "/run/shop/shop.sock": path,
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/example.com.pem": certificate,
        "/etc/ssl/example.com.key": key,
    }.items():
        assert old in site
        site = site.replace(old, str(new))
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if os.geteuid() == 0 else ""  # of the socket below the folder
    (folder / "nginx.conf").write_text(
        f"{user}daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    return ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, path: Path, port: int) -> list[str]:
    site = block("caddy").replace("/run/shop/shop.sock", str(path))
    site = site.replace("example.com {", f"example.com:{port} {{\n\ttls internal\n", 1)
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    (folder / "Caddyfile").write_text(options + site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@contextlib.contextmanager
def program(command: list[str], folder: Path, **variables: str) -> Iterator[None]:
    with (folder / "printed.txt").open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


class NamedConnection(http.client.HTTPSConnection):
    """Connects to this machine and asks for example.com."""

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        self.sock = context.wrap_socket(plain, server_hostname="example.com")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    with closing(NamedConnection("127.0.0.1", port)) as connection:
        fields = {"Host": f"example.com:{port}", "X_Forwarded_For": "9.9.9.9"}
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize("make", [nginx, caddy])
def test_the_file_of_the_guide_works(
    make: Callable[[Path, Path, int], list[str]], tmp_path: Path
) -> None:
    if shutil.which(make.__name__) is None or shutil.which("openssl") is None:
        pytest.skip(f"{make.__name__} is not installed")
    (tmp_path / "settings.py").write_text('ROOT_URLCONF = "urls"\nMIDDLEWARES = []\n')
    (tmp_path / "urls.py").write_text(URLS)
    path, port = tmp_path / "shop.sock", free_port()
    variables = {name: value.format(port=port) for name, value in SETTINGS.items()}
    serve = [sys.executable, "-m", "lback", "serve", "--workers", "1", "--host", f"unix:{path}"]
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    with (
        program(serve, tmp_path, **variables),
        program(make(tmp_path, path, port), tmp_path, **home),
    ):
        deadline = time.monotonic() + PATIENCE
        answer = (0, "")
        while answer[0] in (0, 502) and time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = ask(port, "GET", "/")
            time.sleep(0.1)
        printed = (tmp_path / "printed.txt").read_text()
        assert answer == (200, f"127.0.0.1 True example.com:{port}"), printed
        assert ask(port, "POST", "/size", b"z" * 3_000_000) == (200, "3000000")
        with contextlib.suppress(OSError):  # the proxy may end the connection before it is sent
            assert ask(port, "POST", "/size", b"z" * 11_000_000)[0] == 413
