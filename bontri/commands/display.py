"""``bontri display``: what bins show on their displays."""

from typing import Any

import click

from bontri.json_output import AS_JSON, as_json


@click.group()
def display() -> None:
    """See and change what bins show: points, limits, texts.

    Works on the database of DATABASE_URL; without it on the demo's. A running worker tells the bins.
    """


@display.command("show")
@click.option("--authority", metavar="SLUG", required=True, help="Whose bins.")
@AS_JSON
def show_command(authority: str, is_json: bool) -> None:
    """Show what the bins of an authority are told to show, and how many have been told.

    \b
    Example:
      bontri display show --authority plaine-commune
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.displays import get_display
    from rewards.due_displays import count_told
    from rewards.fleet.owners import get_authority

    with engine_in_use(read_settings(), role="bontri_reader") as engine, engine.connect() as connection:
        owner = get_authority(connection, authority)
        shown = get_display(connection, authority_id=owner.authority_id, now=utc_now())
        told, bins = count_told(connection, version=shown.version, authority_id=owner.authority_id)
    content: dict[str, Any] = {
        "authority": owner.slug,
        "version": shown.version,
        "bins": bins,
        "bins_told": told,
        "tariffs": [
            {
                "valid_from": tariff.valid_from,
                "lines": {
                    material: {"per": line.basis, "points": line.points}
                    for material, line in sorted(tariff.lines.items())
                },
            }
            for tariff in shown.tariffs
        ],
        "day_cap_points": shown.day_cap_points,
        "week_cap_points": shown.week_cap_points,
        "texts": {language: dict(words) for language, words in shown.texts.items()},
    }
    if is_json:
        click.echo(as_json(content))
        return
    click.echo(f"{owner.slug}: version {shown.version}, told to {told} of {bins} bins")
    for tariff in content["tariffs"]:
        lines = ", ".join(f"{name} {line['points']} per {line['per']}" for name, line in tariff["lines"].items())
        click.echo(f"  from {tariff['valid_from']:%Y-%m-%dT%H:%M:%S}: {lines}")
    for period in ("day", "week"):
        if (cap := content[f"{period}_cap_points"]) is not None:
            click.echo(f"  at most {cap} points a {period}")
    for language, texts in content["texts"].items():
        for name, words in texts.items():
            click.echo(f"  {language} {name}: {words}")


@display.command("set-text")
@click.option("--authority", metavar="SLUG", required=True, help="Whose bins.")
@click.option("--language", required=True, metavar="CODE", help="Two letters, such as fr.")
@click.option("--name", required=True, help="Which text, such as welcome.")
@click.argument("words")
def set_text_command(authority: str, language: str, name: str, words: str) -> None:
    """Have the bins of an authority show WORDS; "" takes the text away.

    \b
    Example:
      bontri display set-text --authority plaine-commune --language fr --name welcome "Bonjour !"
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.displays import DisplayTextError, set_display_text
    from rewards.fleet.owners import get_authority

    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        owner = get_authority(connection, authority)
        try:
            set_display_text(connection, authority_id=owner.authority_id, language=language, name=name, words=words)
        except DisplayTextError as error:
            raise click.UsageError(str(error)) from None
    click.echo(f"The bins of {owner.slug} are told within seconds, while a worker runs.")
