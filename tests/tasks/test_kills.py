"""Real workers of a project are killed with -9, and no task is lost."""

from pathlib import Path

from tests.tasks.kills import Site, kill_workers


def test_killed_workers_lose_no_task(new_database_url: str, tmp_path: Path) -> None:
    site = Site(tmp_path, new_database_url)
    outcome = kill_workers(site, 300, every=0.7, patience=120)
    site.manager.dispose()

    assert outcome.states == {"successful": 300}
    # The rows of the session are committed with the end of the task: once, however often it ran.
    assert outcome.results == outcome.numbers == 300
    # Those that a kill repeated: at most the threads of a worker.
    assert outcome.kills
    assert 300 <= outcome.starts <= 300 + 4 * outcome.kills
