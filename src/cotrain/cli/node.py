"""Options for a node on which a run's contracts are, and what a person should see of it."""

from collections.abc import Callable
from typing import Any

import click

from cotrain.agreement.document import Agreement
from cotrain.cli.output import tell
from cotrain.errors import UsageError
from cotrain.settlement.chain.remote import DEFAULT_CONFIRMATIONS, RemoteChain
from cotrain.settlement.fees import ether_words
from cotrain.settlement.own import check_contracts, node_missing
from cotrain.settlement.terms import ContractTerms

node_option = click.option(
    "--node",
    metavar="URL",
    envvar="COTRAIN_NODE",
    show_envvar=True,
    help="JSON-RPC address of a node of the agreement's chain; kept nowhere, shown nowhere but its host.",
)
_CONFIRMATIONS = click.option(
    "--confirmations",
    type=click.IntRange(1, 10_000),
    help="Blocks that must hold a transaction before it counts, its own included. The default is "
    f"{DEFAULT_CONFIRMATIONS}, and 1 on the development chains 1337 and 31337.",
)


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --node and --confirmations to a command."""
    return node_option(_CONFIRMATIONS(command))


def leave_as_it_is(node: RemoteChain) -> None:
    """Prepare nothing."""
    del node


def connect(
    agreement: Agreement,
    url: str | None,
    confirmations: int | None,
    account: str,
    prepare: Callable[[RemoteChain], None] = leave_as_it_is,
) -> RemoteChain | None:
    """Return the node on which an agreement's contracts are; None if the run has a chain of its own, or no money.

    Args:
        agreement: The agreement.
        url: What --node or COTRAIN_NODE says.
        confirmations: What --confirmations says.
        account: Who will send transactions; what it holds is shown.
        prepare: What to do with the node before that.

    Raises:
        UsageError: a node is needed and not given, or given and not needed.
        OutsideError: it does not answer, or is of another chain.
    """
    terms = None if agreement.settlement is None else ContractTerms.of(agreement)
    if terms is None or terms.own_chain:
        refuse_node(
            "the agreement moves no money" if terms is None else "the run has a chain of its own"
        )
        return None
    check_contracts(terms)
    if url is None:
        raise node_missing(terms)
    node = open_node(terms, url, confirmations)
    deep = node.confirmations
    tell(f"transactions count after {deep} block{'s' if deep > 1 else ''}")
    prepare(node)
    tell(f"fees are paid by {account}, which has {ether_words(node.balance(account))}")
    return node


def open_node(terms: ContractTerms, url: str, confirmations: int | None = None) -> RemoteChain:
    """Return the node on which an agreement's contracts are, and say which it is.

    Raises:
        OutsideError: it does not answer, or is of another chain.
    """
    node = RemoteChain(
        url, chain_id=terms.settlement.chain_id, confirmations=confirmations, told=tell
    )
    tell(f"chain {node.chain_id}, by the node {node.shown}")
    tell(f"contract {terms.settlement.contract}")
    tell(f"token    {terms.settlement.token}")
    return node


def refuse_node(why: str) -> None:
    """Refuse options that were typed and mean nothing; what the environment says may be for other commands.

    Raises:
        UsageError: one was typed.
    """
    context = click.get_current_context()
    for name in ("node", "confirmations"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                "node-not-needed",
                f"--{name} is given, and {why}",
                meaning="No transaction would be sent to a node.",
                hint=f"Leave --{name} out; `cotrain agreement new --chain-id` drafts an agreement for a node.",
            )
