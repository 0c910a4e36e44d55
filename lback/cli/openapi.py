"""`lback openapi`: prints the OpenAPI document and compares it with a lock file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from lback.api.changes import breaking_changes
from lback.api.openapi import VERSIONS, Version
from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.openapi_lock import FILE_NAME, read_lock, write_lock
from lback.cli.project import open_project

if TYPE_CHECKING:
    from lback.api.openapi import OpenAPI
    from lback.api.schema_components import JSONObject

output_option = click.option(
    "--output", type=click.Path(dir_okay=False), help="File to write (default: print)."
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["json", "yaml"]),
    default="json",
    help="Format of the document (default: json).",
)


@click.command(
    cls=Command,
    examples=(
        "lback openapi",
        "lback openapi --format yaml --output openapi.yaml",
        "lback openapi --version 3.2  # types the events of streams",
        "lback openapi --lock         # write the document to the lock file",
        "lback openapi --audit        # exit with 1 if a change breaks clients",
    ),
)
@output_option
@format_option
@click.option(
    "--version",
    type=click.Choice(VERSIONS),
    default="3.1",
    help="Version of the specification (default: 3.1).",
)
@click.option("--lock", is_flag=True, help=f"Write the document to {FILE_NAME}.")
@click.option("--audit", is_flag=True, help=f"Fail if a change since {FILE_NAME} breaks clients.")
@json_option
def openapi(
    output: str | None, form: str, version: Version, lock: bool, audit: bool, as_json: bool
) -> int:
    """Print the OpenAPI document of the API."""
    if lock and audit:
        raise click.UsageError("use either --lock or --audit, not both")
    app = open_project()
    described: OpenAPI = app.dependencies["openapi"]
    path = Path(app.config.PROJECT_ROOT) / FILE_NAME
    if lock:
        return _lock(path, described.document(), as_json=as_json)
    if audit:
        return _audit(path, described.document(), as_json=as_json)
    text = document_text(described.document(version), form)
    if output is None:
        click.echo(text, nl=False)
    else:
        Path(output).write_text(text, encoding="utf-8")
        click.echo(f"Wrote {output}", err=True)
    return 0


class _WithoutAnchors(yaml.SafeDumper):
    """Writes an object that occurs at several places at each of them."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the signature of PyYAML
        return True


def document_text(document: "JSONObject", form: str) -> str:
    """Return a document as text that ends with a line break.

    Args:
        document: The document.
        form: "json" or "yaml".
    """
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    return yaml.dump(
        document, Dumper=_WithoutAnchors, sort_keys=False, allow_unicode=True, width=100
    )


def _lock(path: Path, document: "JSONObject", *, as_json: bool) -> int:
    write_lock(path, document)
    count = sum(map(len, document["paths"].values()))
    if as_json:
        print_json({"file": str(path), "operations": count})
    else:
        click.echo(f"Wrote {path}: {count} operations.")
    return 0


def _audit(path: Path, document: "JSONObject", *, as_json: bool) -> int:
    changes = breaking_changes(read_lock(path), document)
    if as_json:
        print_json({"breaking": changes})
        return 1 if changes else 0
    if changes:
        more = "\n- ".join(changes)
        raise click.ClickException(
            f"the API has changes since {FILE_NAME} that break clients:\n- {more}\n"
            "revert them, or accept them with: lback openapi --lock"
        )
    click.echo(f"No change since {FILE_NAME} breaks clients.")
    return 0
