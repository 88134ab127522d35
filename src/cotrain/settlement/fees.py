"""Fees on a chain that takes them: whether an account can pay, and what is offered when an offer was too low."""

from typing import Final

from cotrain.errors import OutsideError
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Chain, Fees

ETHER = 10**18

_NOTHING_SENT: Final = (
    "A node takes no transaction whose sender cannot pay the fee. Nothing was sent."
)
_LESS_OFFERED: Final = (
    "The chain asks for more than was offered, and the account cannot pay that. What it offered before stands: it is "
    "carried out if fees fall."
)


def check_fee(chain: Chain, account: str, act: Act, fees: Fees, *, again: bool = False) -> None:
    """Check that an account can pay for a transaction, before it is logged.

    Args:
        chain: Where.
        account: Who pays.
        act: What for.
        fees: What is offered.
        again: Whether less was offered before, for the same.

    Raises:
        OutsideError: it cannot.
    """
    most = act.gas * fees.most
    if most == 0 or (held := chain.balance(account)) >= most:
        return
    raise OutsideError(
        "account-no-gas",
        f"the account {account} has {ether_words(held)} of chain {chain.chain_id}'s own money; to {act.kind} may "
        f"take {ether_words(most)}",
        meaning=_LESS_OFFERED if again else _NOTHING_SENT,
        hint=f"Send some of the chain's own money to {account}, then give the command again.",
    )


def raise_fees(offered: Fees, asked: Fees) -> Fees:
    """Return what to offer when an offer was too low: what is asked now, and an eighth more than before at least.

    Nodes take a transaction in place of one with the same number if both of its fees are higher by a tenth, some by
    an eighth.
    """
    return Fees(
        max(asked.most, _eighth_more(offered.most)), max(asked.tip, _eighth_more(offered.tip))
    )


def is_raised(offered: Fees, further: Fees) -> bool:
    """Tell whether an offer is higher than the one before, by a tenth at least in both of its fees."""
    pairs = ((offered.most, further.most), (offered.tip, further.tip))
    return all(after > before and 10 * after >= 11 * before for before, after in pairs)


def ether_words(wei: int) -> str:
    """Return an amount of wei in units of 10^18, for people."""
    return f"{wei / ETHER:.6g}"


def _eighth_more(wei: int) -> int:
    return wei + wei // 8 + 1
