"""docs/guides/tasks-that-run-twice.md: its blocks are run by tests/test_docs.py."""
