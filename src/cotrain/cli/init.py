"""`cotrain init`: make an identity."""

from pathlib import Path

import click

from cotrain.cli.output import emit, json_option
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import create_home
from cotrain.ports import SystemEntropy


@click.command()
@click.argument("home", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help="The name that others read beside your identity.")
@json_option
def init(home: Path, name: str, *, as_json: bool) -> None:
    r"""Make a party's private HOME folder with a fresh identity, and print its public name (did:key).

    Run it again to print the name of the identity that is there: nothing is ever overwritten.

    \b
    Example:
      cotrain init homes/cleveland --name "Cleveland"
    """
    layout = HomeLayout(home)
    create_home(layout, name, SystemEntropy())
    identity = load_identity(layout.identity)
    value = {"home": str(home), "name": identity.name, "did": identity.did}

    def show() -> None:
        print(identity.did)
        click.echo(f"{identity.name}: keep {layout.identity} secret and backed up", err=True)

    emit(value, as_json=as_json, show=show)
