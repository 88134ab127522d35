"""An agreement in plain words, each term with who enforces it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cotrain.agreement.document import Agreement

Enforcer = Literal["everybody", "own agent", "declared only"]


@dataclass(frozen=True)
class Clause:
    """One term in words.

    Attributes:
        topic: A word or two.
        words: The term.
        enforced_by: `everybody`: the rules that parties and auditors apply to the ledger; `own agent`: each
            party's program refuses to act otherwise; `declared only`: nothing but the signatures.
    """

    topic: str
    words: str
    enforced_by: Enforcer


def explain(agreement: Agreement) -> list[Clause]:
    """Return the agreement, clause by clause."""
    return [*_people(agreement), *_training(agreement), *_privacy(agreement), *_validity(agreement)]


def _people(agreement: Agreement) -> Iterator[Clause]:
    yield Clause("purpose", f"The model may be used for {agreement.purpose}.", "declared only")
    for party in agreement.parties:
        roles = ", ".join(role.replace("_", " ") for role in party.roles)
        yield Clause("party", f"{party.name} takes part as {roles}.", "everybody")
    schema = agreement.data_schema
    words = (
        f"Tables follow the schema {schema.name!r}: {len(schema.columns)} columns, target {schema.target.name!r}, "
        f"{schema.min_rows} to {schema.max_rows} rows."
    )
    yield Clause("data", words, "everybody" if agreement.is_proven else "own agent")
    if schema.derived_from_data:
        words = "The schema's bounds were read off someone's rows, so they tell something about those rows."
        yield Clause("data", words, "declared only")


def _training(agreement: Agreement) -> Iterator[Clause]:
    term = agreement.algorithm
    words = (
        f"{agreement.rounds} full-batch rounds of {term.kind} regression, learning rate {term.learning_rate}, "
        f"weight decay {term.weight_decay}."
    )
    yield Clause("training", words, "everybody")
    words = "Each update is the agreed step on the committed rows."
    if agreement.is_proven:
        yield Clause("training", f"{words} Its owner proves it.", "everybody")
    else:
        yield Clause("training", f"{words} That is recorded and not proven.", "own agent")


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
        f"Only the sum of at least {quorum.survivors} owners' updates is ever opened, once a round, by "
        f"{quorum.threshold} of {quorum.holders} key holders. Up to {quorum.holder_colluders} of them may collude "
        "in a round; more of them could open a single update."
    )
    yield Clause("privacy", words, "everybody")


def _noise(agreement: Agreement) -> Iterator[Clause]:
    quorum, privacy = agreement.quorum, agreement.privacy
    whom = (
        f"everybody who sees the ledger, even if {quorum.colluders} owners pool all they know"
        if quorum.colluders
        else "everybody but the other owners, who know their own parts of the noise"
    )
    duty = "keep their noise secret" if agreement.is_proven else "add their noise"
    words = (
        f"Against {whom}, each row is protected with epsilon {privacy.epsilon}, delta {privacy.delta} for the "
        f"whole run, as long as the owners {duty}."
    )
    yield Clause("privacy", words, "own agent")
    words = "Owners commit to their part of each noise before the public part is known."
    yield Clause("privacy", words, "everybody")
    if agreement.is_proven:
        words = "Each update contains the noise that these parts and the agreed table give. Its owner proves it."
        yield Clause("privacy", words, "everybody")
    words = "An owner's rows are used only while its own budget book allows it."
    yield Clause("privacy", words, "own agent")


def _validity(agreement: Agreement) -> Iterator[Clause]:
    until = datetime.fromtimestamp(agreement.expires, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield Clause("validity", f"No round begins after {until}.", "everybody")
    yield Clause(
        "revocation",
        "An owner may withdraw at any time; later rounds go without its data.",
        "everybody",
    )
    yield _assurance(agreement)
    words = "Whoever acts for a party is known by its key only."
    yield Clause("identity", words, "declared only")


def _assurance(agreement: Agreement) -> Clause:
    if agreement.is_proven:
        words = (
            "Proven: datasets and updates carry zero-knowledge proofs. Everybody checks each of them, and what "
            "comes without a valid one does not count. No proof shows that rows are real."
        )
        return Clause("assurance", words, "everybody")
    words = "Recorded: nothing is proven of datasets and updates; only their owners' signatures stand for them."
    return Clause("assurance", words, "declared only")
