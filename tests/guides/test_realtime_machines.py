"""docs/guides/realtime-machines.md in a real project; tests/realtime tries each engine."""

from tests.guides.conftest import Project


def test_the_checks_speak_of_the_engine(project: Project) -> None:
    project.apply("realtime-machines")
    project.migrate()
    project.lback("check")
    away = {"REALTIME": "redis", "REALTIME_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert "(REALTIME_REDIS_URL)" in project.lback("check", **away)
    assert "REALTIME is 'memory'" in project.lback_fails("check", "--deploy", REALTIME="memory")
