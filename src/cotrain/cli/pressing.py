"""Evidence pressed by a person: on a node from its own account, on a run's own chain through its coordinator."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cotrain.cli.shop import open_shop
from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import Identity
from cotrain.rounds.money import money_of
from cotrain.rounds.state import Phase
from cotrain.serving.session import Shop
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Chain, Receipt
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.evidence_file import Evidence
from cotrain.settlement.pressing import (
    Slashing,
    is_paid_out,
    part_act,
    parts_due,
    press,
    sender_on,
    stakes_until,
)
from cotrain.settlement.terms import ContractTerms

Pressed = tuple[Slashing, Sequence[str]]
"""What evidence did, and the dids of those who were paid a part of the stake with it."""


def press_on_node(
    chain: Chain,
    terms: ContractTerms,
    reporter: Identity,
    found: Evidence,
    *,
    now: bool,
    pay_others: bool,
) -> Pressed:
    """Send evidence from the reporter's own account.

    Args:
        chain: The node.
        terms: The agreement, as the contract sees it.
        reporter: Who sends, and gets the bounty.
        found: The evidence.
        now: Also before the run is paid out.
        pay_others: Also send what pays the other parties their parts, once the run is paid out.

    Raises:
        RefusedError: the contract does not take it, or it comes too early; nothing was sent.
        OutsideError: the account cannot pay the fee, or the node failed.
    """
    paid_out = is_paid_out(chain, terms)
    if not paid_out:
        _check_early(chain, terms, reporter, now=now)
    account = account_of(reporter)
    sender = sender_on(chain, account)
    done = press(chain, terms, account.address, found.act, sender)
    due = parts_due(chain, terms) if pay_others and paid_out else []
    return done, [did for did in due if sender(part_act(terms, did)).succeeded]


def press_on_own_chain(
    run: Path,
    terms: ContractTerms,
    reporter: Identity,
    found: Evidence,
    homes: Sequence[Path],
) -> Pressed:
    """Let the coordinator log evidence against somebody else and carry it out, after the run; pay everybody its part.

    Raises:
        RefusedError: the evidence is against the coordinator, the run is not over, or the contract does not take it.
        UsageError: not all homes are here.
    """
    _check_against_others(terms, found)
    with open_shop(run, homes=homes, node=None, confirmations=None) as shop:
        check_over(shop)
        account, lead = account_of(reporter), account_of(shop.identity)

        def send(act: Act) -> Receipt:
            return _carried(shop, account, act)

        done = press(shop.chain, terms, account.address, found.act, send)
        due = parts_due(shop.chain, terms)
        return done, [did for did in due if _carried(shop, lead, part_act(terms, did)).succeeded]


def check_no_options_of_a_node(*, now: bool, pay_others: bool) -> None:
    """Refuse options that mean nothing on a run's own chain.

    Raises:
        UsageError: one was given.
    """
    if now or pay_others:
        raise UsageError(
            "evidence-own-chain-options",
            "--now or --pay-others is given, and the run has a chain of its own",
            meaning="There evidence is carried out after the run, and everybody is paid its part with it.",
            hint="Leave them out.",
        )


def check_no_homes(homes: Sequence[Path]) -> None:
    """Refuse homes that are not needed on a chain of others.

    Raises:
        UsageError: one was given.
    """
    if homes:
        raise UsageError(
            "evidence-no-homes-needed",
            "--party is given, and the contracts are on a chain of others",
            meaning="Nobody but you takes part in this.",
            hint="Leave --party out.",
        )


def _carried(shop: Shop, account: Account, act: Act) -> Receipt:
    """Log and carry out an act; return its receipt."""
    shop.make(account, act)
    return shop.chain.send(money_of(shop.coordinator.state).history[-1].sent.raw)  # answered again


def _check_early(chain: Chain, terms: ContractTerms, reporter: Identity, *, now: bool) -> None:
    """Refuse evidence that would get in the way of a run that is still to be paid.

    Raises:
        RefusedError: nobody said that it shall be sent all the same, or the reporter coordinates the run.
    """
    if reporter.did == terms.agreement.coordinator.did:
        raise RefusedError(
            "evidence-own-coordinator",
            "this home coordinates the run: its account sends the transactions of the run, in their order",
            meaning="One of its own in between would stop the run. Nothing was sent.",
            hint="Send it from any other home (cotrain init makes one).",
        )
    if now:
        return
    until = datetime.fromtimestamp(stakes_until(chain, terms), UTC)
    raise RefusedError(
        "evidence-early",
        "the run is not paid out yet",
        meaning="The parts of a stake taken now would come with its payments, of which the ledger knows nothing: the "
        "audit would find that the contract answered otherwise. Nothing was sent.",
        hint=f"Evidence counts until {until:%Y-%m-%d %H:%M} UTC at the latest, and for "
        f"{terms.settlement.challenge_seconds} seconds after the payment: send it then. If that is too short, or the "
        "run will never be paid, add --now.",
    )


def _check_against_others(terms: ContractTerms, found: Evidence) -> None:
    if found.subject != terms.agreement.coordinator.did:
        return
    raise RefusedError(
        "evidence-own-chain",
        f"{terms.agreement.coordinator.name} keeps this run's chain, and the evidence is against it",
        meaning="It would have to carry out the call that takes its own stake. Nothing was sent.",
        hint="Show the evidence to the other parties; they need not sign its payment. Where the coordinator must not "
        "be trusted with this, agree on a chain of others: cotrain agreement new --chain-id.",
    )


def check_over(shop: Shop) -> None:
    """Check that a run is over: on its own chain nothing comes between its transactions.

    Raises:
        RefusedError: it is not.
    """
    if shop.coordinator.state.phase in {Phase.FINISHED, Phase.ABORTED}:
        return
    raise RefusedError(
        "evidence-run-goes-on",
        "the run is not over",
        meaning="On its own chain nothing comes between the transactions of a run. Nothing was sent.",
        hint="Bring the run to its end first: give the command that began it again.",
    )
