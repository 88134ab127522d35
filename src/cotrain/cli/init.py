"""`cotrain init`: make an identity."""

from pathlib import Path

import click

from cotrain.cli.options import PATH, json_option
from cotrain.cli.output import emit, tell
from cotrain.errors import UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import create_home
from cotrain.ports import SystemEntropy
from cotrain.settlement.chain.signing import account_of

MAX_NAME = 120


@click.command()
@click.argument("home", type=PATH)
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
    is_new = not layout.identity.exists()
    wanted = _checked_name(name)
    if is_new:
        create_home(layout, wanted, SystemEntropy())
    identity = load_identity(layout.identity)
    if identity.name != wanted:
        raise UsageError(
            "init-other-name",
            f"{home} is the home of {identity.name!r} already, not of {wanted!r}",
            meaning="An identity is never overwritten; nothing was changed.",
            hint=f"Choose another folder, or give --name {identity.name!r} to see its did.",
        )
    value = {"home": str(home), "name": identity.name, "did": identity.did, "new": is_new}
    value["account"] = account_of(identity).address

    def show() -> None:
        print(identity.did)
        if is_new:
            tell(f"{identity.name}: keep {layout.identity} secret and backed up")

    emit(value, as_json=as_json, show=show)


def _checked_name(name: str) -> str:
    stripped = name.strip()
    if 1 <= len(stripped) <= MAX_NAME and stripped.isprintable():
        return stripped
    raise UsageError(
        "init-bad-name",
        f"{name[:40]!r} is not a name",
        meaning="Others read the name beside your identity in agreements and reports.",
        hint=f"Give 1 to {MAX_NAME} printable characters, for example the organisation's name.",
    )
