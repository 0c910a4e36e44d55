"""docs/guides/cache.md in a real project."""

from redis import Redis

from tests.guides.conftest import Project


def test_a_cache_in_redis_outlives_the_server(
    project: Project, redis_url: str, redis_client: Redis, prefix: str
) -> None:
    project.apply("cache")
    settings = project.folder / "settings.py"
    settings.write_text(settings.read_text().replace('"site', f'"{prefix}site'))
    for seen in (1, 3):
        with project.serving(REDIS_URL=redis_url) as visitor:
            assert visitor.get("/count").json() == {"seen": seen}
            assert visitor.get("/count").json() == {"seen": seen + 1}


def test_a_page_is_kept_for_each_genre_and_query_that_the_view_names(project: Project) -> None:
    project.apply("cache")
    with project.serving(CACHES="{}") as visitor:
        assert "age" not in visitor.get("/books?genre=other").headers
        first, second = (visitor.get("/books?genre=crime") for _ in range(2))
        assert first.text == second.text == "<h1>Books: crime</h1>"
        assert second.headers["cache-control"] == "max-age=60"
        assert "age" in second.headers
        assert visitor.get("/books?genre=crime&x=1").text == "<h1>Books: crime</h1>"
