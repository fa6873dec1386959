from __future__ import annotations

import click
from click.testing import CliRunner
from evtorrent.session.cli.option_groups import grouped


def made(*, first: int, second: str | None) -> tuple[int, str | None]:
    if first == 13:
        raise click.UsageError("not that one")
    return first, second


pair = grouped(
    "both",
    made,
    [click.option("--first", default=1, help="One."), click.option("--second", help="Two.")],
    "first",
    "second",
)


@click.command()
@pair
@click.option("--third", is_flag=True)
@click.pass_context
def command(ctx: click.Context, /, *, both: tuple[int, str | None], third: bool) -> None:
    click.echo(f"{both} {third}")


def test_options_arrive_as_one_value():
    assert CliRunner().invoke(command, ["--first", "2", "--second", "b"]).output == "(2, 'b') False\n"
    assert CliRunner().invoke(command, ["--third"]).output == "(1, None) True\n"


def test_the_maker_may_refuse():
    result = CliRunner().invoke(command, ["--first", "13"])
    assert (result.exit_code, "not that one" in result.output) == (2, True)


def test_help_keeps_their_order():
    text = CliRunner().invoke(command, ["--help"]).output
    assert text.index("--first") < text.index("--second") < text.index("--third")
