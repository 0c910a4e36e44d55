"""docs/guides/deployment.md in a real project."""

import re

from tests.guides.conftest import DEPLOYED, GUIDES, Project


def test_a_project_is_served_as_the_guide_says(project: Project) -> None:
    assert "DEBUG is on" in project.lback_fails("check", "--deploy")
    project.lback("collectstatic", **DEPLOYED)
    project.lback("migrate", **DEPLOYED)
    if not project.is_full:  # a minimal project has none yet
        project.lback("routes", "--lock", **DEPLOYED)
    project.lback("routes", "--audit", **DEPLOYED)
    assert "0 errors" in project.lback("check", "--deploy", **DEPLOYED)
    with project.serving("serve", "--workers", "1") as visitor:
        page = visitor.get("/")
        assert page.status == 200
        (style,) = re.findall(r'href="(/static/style\.\w+\.css)"', page.text)
        assert "immutable" in visitor.get(style).headers["cache-control"]


def test_a_server_does_not_start_while_debug_is_on(project: Project) -> None:
    assert "DEBUG is on" in project.lback_fails("serve")


def test_a_site_on_several_machines(project: Project, postgresql_url: str, redis_url: str) -> None:
    guide = (GUIDES / "deployment.md").read_text().partition("## Use more than one machine")[2]
    (block,) = re.findall(r"^```sh\n(SECRET_KEY.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    shared = dict(line.split(" #")[0].strip().split("=", 1) for line in block.splitlines())
    if project.is_full:
        example = (project.folder / ".env.example").read_text()
        assert {name for name in shared if f"{name}=" not in example} == set()
        assert "All machines of one site have the same key" in example
    real = {
        "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
        "DATABASE_URL": postgresql_url,
        "REDIS_URL": redis_url,
    }
    assert real.keys() < shared.keys()
    for named in ("CACHES", "TRUSTED_PROXIES", "DRAIN_SECONDS"):
        without = {name: value for name, value in shared.items() if name != named}
        printed = project.lback_fails("check", "--deploy", **DEPLOYED, **{**without, **real})
        checks = {"CACHES": "caches", "TRUSTED_PROXIES": "proxies", "DRAIN_SECONDS": "draining"}
        assert f"check: deploy.{checks[named]}\n" in printed
    printed = project.lback_fails("check", "--deploy", **DEPLOYED, **{**shared, **real})
    for check in ("caches", "sessions", "login_attempts", "proxies", "clock", "draining"):
        assert f"check: deploy.{check}\n" not in printed


def test_a_balancer_asks_for_health(project: Project) -> None:
    with project.serving("serve", "--workers", "1") as visitor:
        for path in ("/health/live", "/health/ready"):
            answer = visitor.get(path, Host="10.0.0.11:8000")
            assert (answer.status, answer.json()) == (200, {"status": "ok"})
            assert answer.headers["cache-control"] == "no-store"
