"""Evidence pressed by a person: on a node from its own account, on a run's own chain through its coordinator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from cotrain.cli.shop import open_shop
from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import Identity
from cotrain.rounds.money import lineage_of, money_of
from cotrain.rounds.state import Phase, RunState
from cotrain.serving.session import Shop
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Chain, Receipt
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.evidence_file import Evidence, decode_evidence
from cotrain.settlement.pressing import (
    Slashing,
    check_there,
    find_slashing,
    is_released,
    part_act,
    parts_due,
    press,
    sender_on,
    stakes_until,
)
from cotrain.settlement.terms import ContractTerms

Pressed = tuple[Slashing, Sequence[str]]
"""What evidence did, and the dids of those who were paid a part of the stake with it."""

_OVER: Final = frozenset({Phase.FINISHED, Phase.ABORTED})


@dataclass(frozen=True)
class Case:
    """Evidence, and what the ledger says through which it is brought.

    Attributes:
        state: Of the ledger.
        terms: Of the agreement that it is about: the ledger's own, or that of a run that its model came from.
        found: The evidence.
    """

    state: RunState
    terms: ContractTerms
    found: Evidence

    @property
    def over(self) -> bool:
        """Whether by the ledger nothing of the run is to come, its claims least of all."""
        return self.state.phase in _OVER and money_of(self.state).waiting is None


def read_case(state: RunState, data: bytes) -> Case:
    """Read a file of evidence about the run of a ledger, or about one that its model came from.

    Raises:
        MalformedError: it is no such file.
        RefusedError: it is about another run.
    """
    return Case(state, *decode_evidence(data, lineage_of(state)))


def press_on_node(
    chain: Chain, case: Case, reporter: Identity, *, now: bool, pay_others: bool
) -> Pressed:
    """Send evidence from the reporter's own account.

    Args:
        chain: The node.
        case: The evidence.
        reporter: Who sends, and gets the bounty.
        now: Also before the run is paid out.
        pay_others: Also send what pays the other parties their parts, once the run is paid out.

    Raises:
        RefusedError: the contract does not take it, the reporter coordinates, or it comes too early; nothing was sent.
        OutsideError: the account cannot pay the fee, or the node failed.
    """
    account, terms = account_of(reporter), case.terms
    _check_not_coordinator(case, account)
    check_there(chain, terms)
    # Released is not yet paid: a claim that is still to come would carry a part of the stake, on no replay.
    paid_out = case.over and is_released(chain, terms)
    if not (paid_out or now):
        raise _early(chain, terms)
    sender = sender_on(chain, account)
    done = press(chain, terms, account.address, case.found.act, sender)
    due = parts_due(chain, terms) if pay_others and paid_out else []
    return done, [did for did in due if sender(part_act(terms, did)).succeeded]


def press_on_own_chain(run: Path, case: Case, reporter: Identity, homes: Sequence[Path]) -> Pressed:
    """Let the coordinator log evidence against somebody else and carry it out, after the run; pay everybody its part.

    Raises:
        RefusedError: the evidence is against the coordinator, the run is not over, or the contract does not take it.
        UsageError: not all homes are here.
    """
    _check_against_others(case)
    with open_shop(run, homes=homes, node=None, confirmations=None) as shop:
        check_over(shop)
        return press_through(shop, case, account_of(reporter))


def press_through(shop: Shop, case: Case, reporter: Account) -> Pressed:
    """Log and carry out evidence and everybody's part; where that was cut off after the stake, only what is missing.

    Raises:
        RefusedError: the contract does not take it; nothing was logged.
    """
    shop.coordinator.settle_pending()
    chain, terms, found = shop.chain, case.terms, case.found
    # Only while parts are due: afterwards the contract says that there is nothing to take.
    done = find_slashing(chain, terms, found.subject) if parts_due(chain, terms) else None
    if done is None:
        send = partial(_carried, shop, reporter)
        done = press(chain, terms, reporter.address, found.act, send)
    lead, due = account_of(shop.identity), parts_due(chain, terms)
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


def _check_not_coordinator(case: Case, account: Account) -> None:
    """Refuse the account whose transactions must be those of a run, one after the other.

    Raises:
        RefusedError: it coordinates the run, or one of its lineage.
    """
    runs = lineage_of(case.state)
    if account.address not in {run.account(run.agreement.coordinator.did) for run in runs}:
        return
    raise RefusedError(
        "evidence-own-coordinator",
        "this home coordinates the run: its account sends the transactions of the run, and of a run that goes on with "
        "its chain, in their order",
        meaning="One of its own in between, which no ledger has, would stop this run or the next. Nothing was sent.",
        hint="Send it from any other home (cotrain init makes one).",
    )


def _early(chain: Chain, terms: ContractTerms) -> RefusedError:
    """Return the error for evidence that would get in the way of a run that is still to be paid."""
    until = datetime.fromtimestamp(stakes_until(chain, terms), UTC)
    return RefusedError(
        "evidence-early",
        "the run is not paid out yet, by this copy of its ledger and by its contract",
        meaning="The parts of a stake taken now would come with its payments, of which the ledger knows nothing: the "
        "audit would find that the contract answered otherwise. Nothing was sent.",
        hint=f"Evidence counts until {until:%Y-%m-%d %H:%M} UTC at the latest, and for "
        f"{terms.settlement.challenge_seconds} seconds after the payment: send it then, with a copy of the ledger that "
        "has the payment. If that is too short, or the run will never be paid, add --now.",
    )


def _check_against_others(case: Case) -> None:
    leads = {run.agreement.coordinator.did for run in lineage_of(case.state)}
    if case.found.subject not in leads:
        return
    name = case.terms.agreement.party(case.found.subject).name
    raise RefusedError(
        "evidence-own-chain",
        f"{name} keeps this run's chain, and the evidence is against it",
        meaning="It would have to carry out the call that takes its own stake. Nothing was sent.",
        hint="Show the evidence to the other parties; they need not sign its payment. Where the coordinator must not "
        "be trusted with this, agree on a chain of others: cotrain agreement new --chain-id.",
    )


def check_over(shop: Shop) -> None:
    """Check that a run is over: on its own chain nothing comes between its transactions.

    Raises:
        RefusedError: it is not.
    """
    if shop.coordinator.state.phase in _OVER:
        return
    raise RefusedError(
        "evidence-run-goes-on",
        "the run is not over",
        meaning="On its own chain nothing comes between the transactions of a run. Nothing was sent.",
        hint="Bring the run to its end first: give the command that began it again.",
    )
