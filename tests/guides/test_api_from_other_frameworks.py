"""docs/guides/api-from-other-frameworks.md: its block is run by tests/test_docs.py."""
