"""The own money of a development chain: an account that the node itself signs for gives some of it away."""

import time
from typing import Any, Final

from cotrain.errors import OutsideError, RefusedError
from cotrain.settlement.chain.remote import DEVELOPMENT_CHAINS, RemoteChain
from cotrain.settlement.chain.rpc import Rpc

_WAIT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


def give_money(url: str, chain: RemoteChain, account: str, wei: int) -> bool:
    """Let an account that a development chain's node signs for give some of the chain's own money.

    Args:
        url: Of the node.
        chain: The same node.
        account: Who gets it.
        wei: How much.

    Returns:
        Whether it did: not if the chain is none for development, or the node signs for nobody who has so much.

    Raises:
        OutsideError: the node failed, or makes no block.
    """
    if chain.chain_id not in DEVELOPMENT_CHAINS:
        return False
    rpc, before = Rpc(url), chain.balance(account)
    giver = next((one for one in _signed_for(rpc) if chain.balance(one) > wei), None)
    if giver is None:
        return False
    try:
        rpc.ask("eth_sendTransaction", {"from": giver, "to": account, "value": hex(wei)})
    except RefusedError:
        return False
    _wait_for_more(chain, account, before)
    return True


def _signed_for(rpc: Rpc) -> list[str]:
    """Return the accounts for which the node itself signs."""
    try:
        accounts: Any = rpc.ask("eth_accounts")
    except RefusedError:
        return []
    with rpc.sense():
        return [str(account) for account in accounts]


def _wait_for_more(chain: RemoteChain, account: str, before: int) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while chain.balance(account) <= before:
        if time.monotonic() > until:
            raise OutsideError(
                "node-slow",
                f"the node {chain.shown} was asked for money and made no block in {_WAIT_SECONDS:g} seconds",
                meaning="Transactions count when they are in a block. Nothing of the run was sent.",
                hint="Let the node make blocks by itself, as anvil and geth --dev do, then give the command again.",
            )
        time.sleep(_POLL_SECONDS)
