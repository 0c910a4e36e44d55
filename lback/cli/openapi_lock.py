"""`openapi.lock`: the reviewed document of the API, to detect changes that break clients."""

import json
from pathlib import Path

import click

from lback.api.schema_components import JSONObject

FILE_NAME = "openapi.lock"


def write_lock(path: Path, document: JSONObject) -> None:
    """Write a document to a lock file.

    Args:
        path: The file; replaced if it exists.
        document: The OpenAPI document.
    """
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read_lock(path: Path) -> JSONObject:
    """Return the document in a lock file.

    Args:
        path: The file.

    Raises:
        ClickException: The file does not exist, or does not contain a document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.ClickException(
            f"{path} does not exist; review the output of 'lback openapi', "
            "then write the file with: lback openapi --lock"
        ) from None
    except ValueError as error:
        raise click.ClickException(
            f"{path} is not valid JSON: {error}; restore it, or replace the file "
            "with: lback openapi --lock"
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise click.ClickException(
            f"{path} is not an OpenAPI document; restore it, or replace the file "
            "with: lback openapi --lock"
        )
    return document
