"""Static files are collected from the command line, and references to nothing are told."""

from pathlib import Path

from tests.cli.conftest import RunAll


def test_static_files_are_collected(project: Path, run_all: RunAll) -> None:
    (project / "static").mkdir()
    (project / "static" / "a.css").write_text("p { background: url(none.png) }")
    trial, strict, second = run_all(
        "collectstatic --dry-run", "collectstatic --strict", "collectstatic"
    )
    root = project / "staticfiles"
    assert trial.out == f"Would write 2 files for 1 static files to {root}\n"
    assert strict.code == 1
    assert strict.err == "Warning: a.css, line 1: there is no static file 'none.png'\n"
    assert strict.out == f"Wrote 2 files for 1 static files to {root}\n"
    assert second.out == f"Wrote 0 files for 1 static files to {root}\n"
    (project / "static" / "a.css").write_text("p { color: teal }")
    _, cleared = run_all("collectstatic --clear --dry-run", "collectstatic --clear")
    assert cleared.out.startswith("Removed a.")
    assert (cleared.code, len(list(root.glob("*.css")))) == (0, 2)
