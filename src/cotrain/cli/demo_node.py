"""A demo whose contracts are on a development node: which chain it is, and who pays the fees there."""

from dataclasses import dataclass

from cotrain.agreement.document import decode_agreement
from cotrain.cli.node import connect
from cotrain.cli.output import tell
from cotrain.errors import OutsideError, UsageError
from cotrain.layout import RunLayout
from cotrain.ports import Entropy
from cotrain.report.experiment import Experiment, ensure_buyer
from cotrain.settlement.chain.development import give_money
from cotrain.settlement.chain.remote import DEVELOPMENT_CHAINS, RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.fees import ether_words
from cotrain.settlement.terms import EMBEDDED_CHAIN

RUN_GAS = 60_000_000
"""More than contracts, joining and payments of the demo use; `ROUND_GAS` is more than an anchor uses."""

ROUND_GAS = 60_000
BUYER_GAS = 2_000_000


@dataclass(frozen=True)
class Payer:
    """Who pays fees, and how much of the chain's own money it needs and has, in wei."""

    role: str
    account: str
    needs: int
    has: int

    @property
    def lacks(self) -> int:
        """What is missing."""
        return max(0, self.needs - self.has)


def chain_of_demo(layout: RunLayout, url: str | None) -> int:
    """Return the chain of a demo: its own, or that of a node. The node of a run that was begun is not asked yet.

    Raises:
        UsageError: the node is of no development chain.
    """
    if url is None:
        return EMBEDDED_CHAIN
    if layout.agreement.exists():
        money = decode_agreement(layout.agreement.read_bytes()).settlement
        if money is not None and money.chain_id != EMBEDDED_CHAIN:
            return money.chain_id
    node = RemoteChain(url)
    if node.chain_id not in DEVELOPMENT_CHAINS:
        raise _no_development(node)
    return node.chain_id


def connect_demo(experiment: Experiment, url: str | None, entropy: Entropy) -> RemoteChain | None:
    """Return the node of a demo, where everybody who pays fees has money; None for a chain of the run's own.

    Args:
        experiment: The prepared demo.
        url: What --node says.
        entropy: Of the simulated buyer, whose home is made if it is not there.

    Raises:
        OutsideError: the node does not answer, is of another chain, or somebody lacks money and it has none to give.
    """
    agreement = experiment.agreement
    hub = agreement.coordinator.account or ""

    def fund(node: RemoteChain) -> None:
        buyer = account_of(ensure_buyer(experiment.layout, entropy)).address
        gas = RUN_GAS + ROUND_GAS * agreement.rounds
        for role, account, units in (("coordinator", hub, gas), ("buyer", buyer, BUYER_GAS)):
            needs = units * node.fees().most
            _fund(url or "", node, Payer(role, account, needs, node.balance(account)))

    return connect(agreement, url, None, hub, fund)


def _fund(url: str, node: RemoteChain, payer: Payer) -> None:
    """Give money to who lacks it, out of what the node signs for."""
    if payer.lacks == 0:
        return
    if not give_money(url, node, payer.account, payer.lacks):
        raise _no_money(node, payer)
    tell(f"the node gave the {payer.role} {payer.account} {ether_words(payer.lacks)} for fees")


def _no_development(node: RemoteChain) -> UsageError:
    known = " or ".join(map(str, sorted(DEVELOPMENT_CHAINS)))
    return UsageError(
        "demo-no-development-chain",
        f"the node {node.shown} is of chain {node.chain_id}; the demo goes to chain {known} only",
        meaning="Those are the numbers of development chains. Elsewhere its fees would be real money. Nothing was "
        "written or sent.",
        hint="Start a node with `anvil` or `geth --dev --http`. For another chain, draft an agreement with "
        "`cotrain agreement new --chain-id`.",
    )


def _no_money(node: RemoteChain, payer: Payer) -> OutsideError:
    return OutsideError(
        "demo-no-money",
        f"the {payer.role} {payer.account} has {ether_words(payer.has)} of chain {node.chain_id}'s own money, and the "
        f"node {node.shown} signs for no account that could give it some",
        meaning=f"Its fees may take {ether_words(payer.needs)}. Nothing of the run was sent.",
        hint=f"Send {ether_words(payer.lacks)} to {payer.account}, then give the command again. anvil and geth --dev "
        "have an account that gives.",
    )
