"""``bontri docs``: the documents for makers of bins, made from the code that reads and writes the messages."""

from pathlib import Path

import click

from bontri.json_output import as_json


@click.group("docs")
def docs() -> None:
    """Write the machine-readable side of the bin protocol: AsyncAPI, JSON Schemas, golden messages.

    \b
    Examples:
      bontri docs asyncapi > asyncapi.json
      bontri docs schemas --folder schemas
      bontri docs golden > golden-messages.json
    """


def as_text(document: object) -> str:
    """Return a document as it is published: indented, in UTF-8."""
    return as_json(document)


@docs.command("asyncapi")
def asyncapi() -> None:
    """Print the AsyncAPI 3.0 document of the bin protocol: all seven topics, seen from the backend.

    \b
    Examples:
      bontri docs asyncapi > asyncapi.json
      bontri docs asyncapi | jq '.channels | keys'
    """
    from bontri.bin_documents.asyncapi import make_asyncapi_document

    click.echo(as_text(make_asyncapi_document()))


@docs.command("schemas")
@click.option("--folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Made when missing.")
@click.option("--json", "is_json", is_flag=True, help="Print the names of the files as JSON.")
def schemas(folder: Path, is_json: bool) -> None:
    """Write one JSON Schema (2020-12) for the first line of each message; overwrites files of the same names.

    \b
    Example:
      bontri docs schemas --folder schemas
    """
    from bontri.bin_documents.schemas import make_schemas

    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in make_schemas().items():
            file = folder / f"{name}.json"
            file.write_text(as_text(schema) + "\n", encoding="utf-8")
            files.append(str(file))
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error.strerror}); choose another --folder") from error
    click.echo(as_json(files) if is_json else "\n".join(files))


@docs.command("golden")
def golden() -> None:
    """Print exact messages, right and wrong, and what a bin and a backend must make of them.

    \b
    Examples:
      bontri docs golden > golden-messages.json
      bontri docs golden | jq '.messages[] | select(.expect.code == "bad_signature") | .name'
    """
    from bontri.bin_documents.golden import make_golden_document

    click.echo(as_text(make_golden_document()))
