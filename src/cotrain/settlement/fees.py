"""Fees on a chain that takes them: whether an account can pay for what it is about to send."""

from cotrain.errors import OutsideError
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Chain, Fees

ETHER = 10**18


def check_fee(chain: Chain, account: str, act: Act, fees: Fees) -> None:
    """Check that an account can pay for a transaction, before it is logged.

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
        meaning="A node takes no transaction whose sender cannot pay the fee. Nothing was sent.",
        hint=f"Send some of the chain's own money to {account}, then give the command again.",
    )


def ether_words(wei: int) -> str:
    """Return an amount of wei in units of 10^18, for people."""
    return f"{wei / ETHER:.6g}"
