"""docs/guides/realtime-proxy.md: its files for nginx and Caddy, with the real programs."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.cli.serving import PATIENCE, running
from tests.cli.test_proxies import NamedConnection, free_port, program
from tests.cli.test_realtime import DEPLOYED, project
from tests.guides.conftest import GUIDES

__all__ = ["project"]

GUIDE = (GUIDES / "realtime-proxy.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def certificate(folder: Path) -> dict[str, str]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return {"/etc/ssl/example.com.pem": str(cert), "/etc/ssl/example.com.key": str(key)}


@contextlib.contextmanager
def nginx(folder: Path, site: str) -> Iterator[None]:
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("nginx is not installed")
    for old, new in certificate(folder).items():
        assert old in site
        site = site.replace(old, new)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with program(command, folder):
        yield


def check_site(port: int) -> None:
    """Ask for a page, a WebSocket and events through a proxy with TLS."""
    deadline = time.monotonic() + PATIENCE
    status = 0
    while status in (0, 502) and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = NamedConnection("127.0.0.1", port)
            connection.request("GET", "/", None, {"Host": "localhost"})
            status = connection.getresponse().status
            connection.close()
        time.sleep(0.05)
    assert status == 200
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    page = Origin("https://localhost")
    with connect(
        "wss://localhost/who", sock=plain, ssl=context, origin=page, proxy=None
    ) as connected:
        assert json.loads(connected.recv(PATIENCE))["pid"] > 0
        connected.send("through")
        assert connected.recv(PATIENCE) == "through"
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE)) as stream:
        stream.sendall(b"GET /realtime/events?room=news HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"id: " not in data:
            more = stream.recv(65536)
            assert more, data
            data += more
        connection = NamedConnection("127.0.0.1", port)
        connection.request("GET", "/say?text=hello", None, {"Host": "localhost"})
        assert connection.getresponse().read() == b"said"
        connection.close()
        while b'"hello"' not in data:
            more = stream.recv(65536)
            assert more, data
            data += more


def test_nginx_before_one_address(project: Path) -> None:
    port = free_port()
    variables = {**DEPLOYED, "TRUSTED_PROXIES": "127.0.0.1"}
    with running("serve", "--port", "0", "--workers", "1", cwd=project, **variables) as served:
        (site,) = blocks("nginx")
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{served.port}")
        with nginx(project, site.replace("listen 443", f"listen 127.0.0.1:{port}")):
            check_site(port)


def test_nginx_before_one_unix_socket_of_gunicorn(project: Path) -> None:
    port, path = free_port(), project / "shop.sock"
    (site,) = blocks("nginx")
    site = site.replace("127.0.0.1:8000", f"unix:{path}")
    site = site.replace("listen 443", f"listen 127.0.0.1:{port}")
    variables = {**DEPLOYED, "TRUSTED_PROXIES": "unix", "PYTHONUNBUFFERED": "1"}
    lback = [sys.executable, "-m", "lback", "serve", "--workers", "1"]
    served = [*lback, "--server", "gunicorn", "--host", f"unix:{path}"]
    with program(served, project, **variables), nginx(project, site):
        check_site(port)


def test_nginx_before_two_unix_sockets(project: Path) -> None:
    port, (one,), (two,) = free_port(), blocks("nginx"), blocks("text")
    head, _, rest = one.partition("upstream shop {")
    server = rest.partition("server {\n    listen")[2].partition("    location / {")[0]
    fields = [f"proxy_set_header {name};\n" for name in (
        "Host $http_host", "X-Forwarded-For $proxy_add_x_forwarded_for",
        "X-Forwarded-Proto $scheme",
    )]  # fmt: skip
    (project / "proxy_fields.conf").write_text("".join(fields))
    (project / "realtime_fields.conf").write_text(
        "".join(fields) + "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n"
        "proxy_set_header Connection $connection_upgrade;\nproxy_read_timeout 60s;\n"
    )
    upstreams, _, locations = two.partition("\n\n")
    site = f"{head}{upstreams}\nserver {{\n    listen{server}{locations}}}\n"
    site = site.replace("/run/shop", str(project)).replace("listen 443", f"listen 127.0.0.1:{port}")
    variables = {**DEPLOYED, "TRUSTED_PROXIES": "unix", "PYTHONUNBUFFERED": "1"}
    lback = [sys.executable, "-m", "lback"]
    pages = [
        *lback,
        "serve",
        "--no-realtime",
        "--workers",
        "1",
        "--host",
        f"unix:{project}/shop.sock",
    ]
    alone = [*lback, "realtime", "--host", f"unix:{project}/realtime.sock"]
    with (
        program(pages, project, **variables),
        program(alone, project, **variables),
        nginx(project, site),
    ):
        deadline = time.monotonic() + PATIENCE
        while not (project / "realtime.sock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        check_site(port)


def test_the_file_for_caddy_is_of_both_sockets() -> None:
    (site,) = blocks("caddy")
    assert "unix//run/shop/realtime.sock" in site
    assert site.rstrip().endswith("reverse_proxy unix//run/shop/shop.sock\n}")
