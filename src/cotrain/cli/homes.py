"""A run of real homes that all lie on this machine: who is there, who consented, who registered rows.

Everything is checked before the first record is written, so that nobody's privacy budget is spent on a run that
cannot come to its end.
"""

from collections.abc import Sequence
from pathlib import Path

from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.errors import DataError, OutsideError, RefusedError, UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout, RunLayout
from cotrain.local import Member, has_approved, has_begun, has_erased, owned_data
from cotrain.ports import Clock
from cotrain.rounds.owned import OwnedData
from cotrain.rounds.plan import RunPlan


def gather(file: Path, agreement: Agreement, homes: Sequence[Path], clock: Clock) -> list[Member]:
    """Return all parties of an agreement, in its order.

    Args:
        file: Where the agreement lies, for the hints.
        agreement: The agreement.
        homes: The home of each party, in any order.
        clock: To tell whether the agreement has expired.

    Raises:
        UsageError: a party's home is missing, given twice, or of somebody else.
        RefusedError: a party did not consent, a budget is too small, or the agreement expired.
        DataError: an owner registered no rows.
        OutsideError: a home cannot be read.
    """
    if clock.now() >= agreement.expires:
        raise RefusedError(
            "agreement-expired",
            f"the agreement {agreement.title!r} has expired",
            meaning="No round may begin any more.",
            hint="Draft a new agreement with `cotrain agreement new`, and let all parties sign it.",
        )
    members = members_of(agreement, homes)
    found = {member.identity.did: member for member in members}
    plan = RunPlan.derive(agreement)
    for party in agreement.parties:
        _check_consent(file, agreement, party, found[party.did])
        if "data_owner" in party.roles and not has_erased(found[party.did], agreement):
            _check_data(file, plan, party, found[party.did])
    return members


def members_of(agreement: Agreement, homes: Sequence[Path], option: str = "--home") -> list[Member]:
    """Return all parties of an agreement, in its order, from their homes in any order.

    Raises:
        UsageError: a party's home is missing, given twice, or of somebody else.
        OutsideError: a home cannot be read.
    """
    found = _by_did(agreement, homes)
    missing = [party.name for party in agreement.parties if party.did not in found]
    if missing:
        raise UsageError(
            "run-home-missing",
            f"no {option} is given for {', '.join(missing)}",
            meaning="All parties of the agreement take part, the coordinator too.",
            hint=f"Repeat {option}, once for each party.",
        )
    return [found[party.did] for party in agreement.parties]


def check_place(layout: RunLayout, agreement: Agreement, members: Sequence[Member]) -> None:
    """Refuse to begin a run anew in another folder: its parties would see a second history of the same run.

    Raises:
        UsageError: the run began elsewhere.
    """
    begun = [member.identity.name for member in members if has_begun(member, agreement)]
    if begun and not layout.ledger.exists():
        raise UsageError(
            "run-began-elsewhere",
            f"the run of {agreement.title!r} began before, and its ledger is not in {layout.path}",
            meaning=f"An agreement is carried out once; {', '.join(begun)} remember its ledger.",
            hint="Give with --out the folder where it began, or draft and sign a new agreement.",
        )


def _by_did(agreement: Agreement, homes: Sequence[Path]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for path in homes:
        layout = HomeLayout(path)
        member = Member(load_identity(layout.identity), layout)
        did = member.identity.did
        agreement.party(did)
        if did in found:
            raise UsageError(
                "run-home-twice",
                f"{path} and {found[did].home.path} are homes of the same party, {member.identity.name}",
                meaning="One party would speak twice.",
                hint="Give one home for each party.",
            )
        found[did] = member
    return found


def _check_consent(file: Path, agreement: Agreement, party: PartyTerm, member: Member) -> None:
    if not has_approved(member, agreement):
        raise RefusedError(
            "run-not-approved",
            f"{party.name} has not consented to the agreement {agreement.title!r}",
            meaning="Its agent signs only what its owner has read and approved.",
            hint=f"cotrain agreement sign {file} --home {member.home.path}",
        )


def _check_data(file: Path, plan: RunPlan, party: PartyTerm, member: Member) -> None:
    try:
        data = owned_data(member, plan.agreement)
    except ValueError as error:
        raise OutsideError(
            "run-rows-damaged",
            f"the rows that {party.name} registered cannot be read: {error}",
            meaning="A damaged file must not be trained on.",
            hint=f"cotrain data register {file} TABLE --home {member.home.path}",
        ) from error
    if data is None:
        raise DataError(
            "run-no-rows",
            f"{party.name} has registered no rows for the agreement {plan.agreement.title!r}",
            meaning="A data owner without rows has nothing to train on.",
            hint=f"cotrain data register {file} TABLE --home {member.home.path}",
        )
    try:
        _check_budget(file, plan, party, member, data)
    finally:
        data.budget.close()


def _check_budget(
    file: Path, plan: RunPlan, party: PartyTerm, member: Member, data: OwnedData
) -> None:
    """Refuse a run whose last rounds this owner could not pay for."""
    event, run = plan.event, plan.agreement.digest
    if event is None:
        return
    numbers = [c.round_number for c in data.budget.history(data.fingerprint) if c.run_id == run]
    scores = [] if plan.scores is None or plan.scores.event is None else [plan.scores.event]
    paid = plan.agreement.rounds in numbers  # the scores are charged behind the last round
    charged = len(numbers) - paid
    beside = [] if paid else scores
    affordable = charged + data.budget.remaining(data.fingerprint, event, beside)
    if affordable < plan.agreement.rounds:
        balance = data.budget.balance(data.fingerprint)
        raise RefusedError(
            "run-budget-too-small",
            f"the rows of {party.name} have spent epsilon {balance.epsilon_spent:.3f} of {balance.epsilon_limit:.3f}, "
            f"enough for {affordable} of {plan.agreement.rounds} rounds",
            meaning="The run would stop before its end, and what was spent by then would be lost.",
            hint="Agree on fewer rounds, or let the owner raise its limit: cotrain data register "
            f"{file} TABLE --home {member.home.path} --budget EPSILON",
        )
