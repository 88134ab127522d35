"""Options for the model that training begins with, and the folder of the run that released it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.audit.auditor import audit
from cotrain.cli.options import PATH
from cotrain.cli.output import bar_of, progress_bars, tell
from cotrain.errors import RefusedError, UsageError
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.rounds.base import Base
from cotrain.rounds.handover import base_of
from cotrain.rounds.state import RunState
from cotrain.settlement.draft import Origin
from cotrain.settlement.terms import ContractTerms

_BASE_MODEL = click.option(
    "--base-model",
    type=PATH,
    metavar="RUN",
    help="Begin with the model that this finished run released, instead of with zeros.",
)
_BASE_SHARE = click.option(
    "--base-share",
    type=click.IntRange(1, 50),
    metavar="PERCENT",
    help="Part of each paid use of the new model that goes to the holders of the base model.",
)


_BASE_AUDIT = click.option(
    "--base-model",
    type=PATH,
    metavar="RUN",
    help="The run that this one's base model came from, or its ledger: check it too, and that this one begins with "
    "what it released, on the chain that it left.",
)


def base_audit_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base-model to the audit."""
    return _BASE_AUDIT(command)


def base_model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base-model to a command."""
    return _BASE_MODEL(command)


def base_model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base-model and --base-share to a command."""
    return _BASE_MODEL(_BASE_SHARE(command))


def audited_state(run: Path) -> RunState:
    """Audit a run and return its state.

    Raises:
        UsageError: there is none.
        ForgeryError: its ledger is not in order.
    """
    path = RunLayout(run).ledger
    if not path.exists():
        raise UsageError(
            "base-no-run",
            f"there is no run in {run}",
            meaning="Nothing was done.",
            hint="Give with --base-model the folder of a finished run, such as runs/demo.",
        )
    with Ledger.open(path, read_only=True) as ledger, progress_bars() as bars:
        return audit(
            ledger, proof_progress=bar_of(bars, "verifying proofs of the base model")
        ).state


def take_base(
    parties: Sequence[PartyTerm], given: dict[str, Any]
) -> tuple[Base | None, Origin | None]:
    """Take the options for the base model out of `given`.

    Returns:
        The base, and the chain that the money terms go on with; None and None without the option.

    Raises:
        UsageError: options that do not go together.
        RefusedError: the run released no model, or its chain goes on with another one.
    """
    run, share = given.pop("base_model"), given.pop("base_share")
    if run is None:
        if share is not None:
            raise _share_of_what("there is no --base-model")
        return None, None
    state = audited_state(run)
    origin = _origin(state, parties, given, share)
    if share is not None and origin is None:
        raise _share_of_what("the new run does not go on with the base model's chain")
    return base_of(state, paid=origin is not None), origin


def read_base(run: Path, agreement: Agreement) -> Base:
    """Return the base that an agreement names, from the run that released it.

    Raises:
        RefusedError: its chain was not handed over to this agreement's run.
    """
    state, term = audited_state(run), agreement.base_model
    alone = base_of(state, paid=False)
    if state.money is None or (term is not None and term == alone.term):
        return alone
    if state.successor != agreement.digest:
        raise RefusedError(
            "base-not-handed-over",
            f"the chain of the run in {run} was not handed over to the run of {agreement.title!r}",
            meaning="Its ledger could take further transactions, and the chain would go on in two ways.",
            hint=f"cotrain model hand-over {run} --to AGREEMENT, once all parties signed the agreement.",
        )
    return base_of(state, paid=True)


def _origin(
    state: RunState, parties: Sequence[PartyTerm], given: dict[str, Any], share: int | None
) -> Origin | None:
    """Return the chain that a new agreement with a price goes on with; None if it has one of its own."""
    old = state.terms.settlement
    if old is None or given["price"] is None:
        return None
    terms, coordinator = ContractTerms.of(state.terms), state.terms.coordinator
    if all(party.account != coordinator.account for party in parties if _coordinates(party)):
        why = f"the coordinator of its run, {coordinator.name}, does not coordinate the new one"
    elif state.successor is not None:
        why = f"the chain of its run goes on with the run {state.successor[:16]}, and with no other"
    else:
        return Origin(old.chain_id, terms.model_shares, (share or 0) * 100)
    if share is not None:
        raise _share_of_what(why)
    tell(f"the new run begins a chain of its own: {why}")
    return None


def _coordinates(party: PartyTerm) -> bool:
    return "coordinator" in party.roles


def _share_of_what(why: str) -> UsageError:
    return UsageError(
        "agreement-base-share",
        f"--base-share cannot be paid: {why}",
        meaning="The contract pays the holders of a model that was released on it, by the same coordinator's run.",
        hint="Leave out --base-share, or give --base-model a run that moves money, and --price.",
    )
