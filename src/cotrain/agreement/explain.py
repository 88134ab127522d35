"""An agreement in plain words, each term with who enforces it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cotrain.agreement.base_model import BaseModelTerm
from cotrain.agreement.document import Agreement, PartyTerm, Role
from cotrain.agreement.explain_money import Clause, Enforcer, explain_money
from cotrain.agreement.vocabulary import DUO_CODES


def explain(agreement: Agreement) -> list[Clause]:
    """Return the agreement, clause by clause."""
    return [
        *_people(agreement),
        *_training(agreement),
        *_privacy(agreement),
        *explain_money(agreement),
        *_validity(agreement),
    ]


def _people(agreement: Agreement) -> Iterator[Clause]:
    purpose = agreement.purpose.replace("-", " ")
    yield Clause("purpose", f"The model may be used for {purpose}.", "declared only")
    for code in agreement.duo:
        yield Clause("purpose", f"Data use: {DUO_CODES[code]} ({code}).", "declared only")
    words = "Nobody may try to find out whose rows were used, or pass on another owner's rows."
    yield Clause("purpose", words, "declared only")
    for party in agreement.parties:
        yield from _party(agreement, party)
    schema = agreement.data_schema
    words = (
        f"Tables follow the schema {schema.name!r}: {len(schema.columns)} columns, to predict "
        f"{schema.target.name!r}, "
        f"{schema.min_rows} to {schema.max_rows} rows."
    )
    yield Clause("data", words, "everybody" if agreement.is_proven else "own agent")
    if schema.derived_from_data:
        words = "The schema's bounds were read off someone's rows, so they tell something about those rows."
        yield Clause("data", words, "declared only")


def _party(agreement: Agreement, party: PartyTerm) -> Iterator[Clause]:
    ruled, by = _ruled(agreement)
    for roles, enforcer in (
        ([role for role in party.roles if role in ruled], by),
        ([role for role in party.roles if role not in ruled], "declared only"),
    ):
        if roles:
            named = ", ".join(role.replace("_", " ") for role in roles)
            yield Clause("party", f"{party.name} takes part as {named}.", enforcer)
    if party.account:
        yield Clause("party", f"{party.name} is paid at {party.account}.", "contract")


def _training(agreement: Agreement) -> Iterator[Clause]:
    term = agreement.algorithm
    words = (
        f"At most {agreement.rounds} full-batch rounds of {term.kind} regression, learning rate "
        f"{term.learning_rate}, weight decay {term.weight_decay}."
    )
    yield Clause("training", words, "everybody")
    if agreement.base_model is not None:
        yield from _base_model(agreement, agreement.base_model)
    if agreement.settlement is not None:
        words = f"No more than {agreement.rounds} rounds are recorded and paid."
        yield Clause("training", words, "contract")
    words = "Each update is the agreed step on all rows that its owner registered."
    if agreement.is_proven:
        yield Clause("training", f"{words} Its owner proves it.", "everybody")
    else:
        yield Clause("training", f"{words} That is recorded and not proven.", "own agent")


def _base_model(agreement: Agreement, term: BaseModelTerm) -> Iterator[Clause]:
    words = f"It begins with the model {term.model[:16]}, released by the run {term.run[:16]}, instead of with zeros."
    yield Clause("training", words, "everybody")
    words = (
        "That the base model's run was in order. Its ledger shows it (cotrain audit --base-model)."
    )
    yield Clause("training", words, "declared only")
    if agreement.settlement is not None and agreement.settlement.parents:
        words = "That the chain of that run, with its contracts and credits, goes on with this run and no other."
        yield Clause("training", words, "declared only")


def _privacy(agreement: Agreement) -> Iterator[Clause]:
    quorum, privacy = agreement.quorum, agreement.privacy
    if privacy.noise == "none":
        yield Clause(
            "privacy",
            "No noise is added: the opened sums are exact, nothing is promised.",
            "everybody",
        )
    else:
        yield from _noise(agreement)
    words = (
        f"Updates are encrypted. Only the sum of at least {quorum.survivors} owners' updates is opened, once a "
        f"round; that takes {quorum.threshold} of the {quorum.holders} owners that hold parts of the key."
    )
    yield Clause("privacy", words, "everybody")
    words = (
        f"That {_tolerated(quorum.holder_colluders)} in a round. More of them, with the coordinator, could open "
        "single updates."
    )
    yield Clause("privacy", words, "declared only")


def _noise(agreement: Agreement) -> Iterator[Clause]:
    quorum, privacy = agreement.quorum, agreement.privacy
    whom = (
        f"everybody who sees the ledger, even if {_owners(quorum.colluders)}"
        if quorum.colluders
        else "everybody but the other owners, who know their own parts of the noise"
    )
    duty = "keep their noise secret" if agreement.is_proven else "add their noise"
    words = (
        f"Against {whom}, each row is protected with epsilon {privacy.epsilon}, delta {privacy.delta} for the "
        f"whole run, as long as the owners {duty}."
    )
    yield Clause("privacy", words, "own agent")
    words = "Each owner fixes its part of the noise before the public part is known: nobody chooses the noise."
    yield Clause("privacy", words, "everybody")
    if agreement.is_proven:
        words = "Each update contains the noise that follows from these parts. Its owner proves it."
        yield Clause("privacy", words, "everybody")
    if agreement.settlement is not None:
        words = (
            f"A round whose stated epsilon exceeds {privacy.epsilon} is not recorded and not paid. The coordinator "
            "states it; every party checks it against the rounds."
        )
        yield Clause("privacy", words, "contract")
    words = "An owner's rows are used only while its own budget book allows it."
    yield Clause("privacy", words, "own agent")


def _validity(agreement: Agreement) -> Iterator[Clause]:
    until = datetime.fromtimestamp(agreement.expires, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield Clause("validity", f"No round begins after {until}.", "everybody")
    if agreement.settlement is not None:
        yield Clause("validity", "No round is recorded after that time.", "contract")
    words = "An owner may withdraw at any time; later rounds go without its data. What was learned before stays."
    yield Clause("revocation", words, "everybody")
    if agreement.settlement is not None:
        words = (
            "Once a withdrawal is on the contract, no round is recorded that was made without knowing of it, and the "
            "owner is paid for earlier rounds only."
        )
        yield Clause("revocation", words, "contract")
    yield from _erasure()
    yield _assurance(agreement)
    words = "Whoever acts for a party is known by its key only."
    yield Clause("identity", words, "declared only")


def _erasure() -> Iterator[Clause]:
    words = (
        "Each owner's program destroys the rows, keys and random numbers that it kept for the run when the run ends, "
        "or after that owner withdraws."
    )
    yield Clause("erasure", words, "own agent")
    words = "That no copy is left. Each owner signs it on the ledger; nothing can show it."
    yield Clause("erasure", words, "declared only")


def _assurance(agreement: Agreement) -> Clause:
    if agreement.is_proven:
        words = (
            "Proven: datasets and updates carry proofs that show nothing else of the rows (zero-knowledge). Everybody "
            "checks each of them, and what comes without a valid one does not count. No proof shows that rows are real."
        )
        return Clause("assurance", words, "everybody")
    words = "Recorded: nothing is proven of datasets and updates; only their owners' signatures stand for them."
    return Clause("assurance", words, "declared only")


def _owners(count: int) -> str:
    return (
        "one owner tells others all it knows"
        if count == 1
        else f"{count} owners pool all they know"
    )


def _tolerated(count: int) -> str:
    return f"no more than {count} of these work together" if count else "none of these is dishonest"


def _ruled(agreement: Agreement) -> tuple[set[Role], Enforcer]:
    """Return the roles with rights or duties that a program sees to, and which does; the others are names."""
    if agreement.settlement is None:
        return {"data_owner", "coordinator"}, "everybody"
    return {"data_owner", "coordinator", "model_demander"}, "contract"
