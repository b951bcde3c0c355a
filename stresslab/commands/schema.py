"""``stresslab schema``: JSON Schemas for editors."""

from __future__ import annotations

from typing import Literal

import click


@click.command()
@click.argument("kind", type=click.Choice(["book", "scenario", "venue", "limits"]))
def command(kind: Literal["book", "scenario", "venue", "limits"]) -> None:
    """Print the JSON Schema of a kind of file.

    Editors check and complete a TOML file whose first line names the schema, such as
    `#:schema ./scenario.schema.json`.
    """
    import json

    from stresslab.scenario.schemas import json_schema

    click.echo(json.dumps(json_schema(kind), indent=2, ensure_ascii=False))
