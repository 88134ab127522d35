"""What is proven and what is not, in the words that every report and every audit shows.

Change these lists only together with the code that makes a line untrue.
"""

from cotrain.agreement.document import Agreement
from cotrain.settlement.terms import EMBEDDED_CHAIN

_NO_PROOFS = (
    "that an update is the agreed training step on the committed rows: this agreement asks for no proof (recorded)",
    "that the committed rows satisfy the schema, or are real, or that their owner can open the commitment (recorded)",
)
_NO_PROOF_OF_NOISE = (
    "that the noise was drawn as agreed: an owner could add less, or none (recorded)"
)
_BEYOND_PROOFS = (
    "that rows are real, distinct, or their owner's to use: proven is only that they satisfy the schema",
)
_BEYOND_PROOF_OF_NOISE = (
    "that an owner keeps its noise secret, and draws its noise words at random: without that its rows are exposed",
    "that an owner submits in every round: it may leave one out, also because it dislikes the noise that it would add",
)
_ALWAYS = (
    "that each single ciphertext encrypts what its owner committed to: only their sum is checked",
    "that the coordinator logged everything it was sent: it can delay or drop a message, its author notices",
    "that an identity belongs to the organisation whose name stands beside it in the agreement",
    "that an owner kept no copy of the rows and secrets that it certified to have destroyed: that is its word",
    "the quality figures of a report: they are computed outside the protocol, on test rows in the clear",
)
_MONEY = (
    "what a credit is worth: it is a promise of its issuer, and who must honour it is no matter of this ledger",
    "that a model is not used without paying: who has a copy can use it, the contract pays for vouchers only",
)
_POOL = (
    "that the public rows by which scores are judged are a fair measure: whoever chose them chose what is paid for",
    "that rows are paid for once: copies of rows raise a score, and no proof sees a copy",
)
_CHANCE_IN_SCORES = (
    "how much of a score is chance: it carries the noise of its own and that of the updates"
)
BASE_RUN = (
    "that the run which released the base model was in order: give its ledger with --base-model"
)
_OWN_CHAIN = "that the coordinator takes every transaction that it is given: it can delay one, but not change it"
_OTHERS_CHAIN = "that the chain still holds these transactions: they are run again from the ledger, no node is asked"
_PROVEN_DATA = (
    "every registered dataset satisfies the schema, and its owner can open the commitment to it"
)
_PROVEN_UPDATES = (
    "every submitted update is the agreed step at the public model on all rows that its owner registered, rounded "
    "as agreed"
)
_PROVEN_NOISE = (
    "every submitted update contains noise from the agreed table, drawn by words whose commitment stood on the ledger "
    "before the coins that were added to them"
)
_PROVEN_SCORES = (
    "every released score is what its owner's updates in the opened sums make it, judged on the agreement's public "
    "rows"
)
_PROVEN_SCORE_NOISE = (
    "every released score contains noise of the agreed variance, drawn by a word whose commitment stood on the ledger "
    "before the coin that was added to it"
)

_PROVEN_REMOVALS = (
    "of a dataset from which a row was removed nothing else changed, so later updates are on all rows "
    "that remain"
)


def not_checked(agreement: Agreement) -> tuple[str, ...]:
    """Return what no ledger of a run under this agreement can show."""
    noise = agreement.privacy.noise != "none"
    base = () if agreement.base_model is None else (BASE_RUN,)
    always = (*base, *_ALWAYS, *_beyond_money(agreement))
    if agreement.is_proven:
        return (*_BEYOND_PROOFS, *(_BEYOND_PROOF_OF_NOISE if noise else ()), *always)
    return (_NO_PROOFS[0], *((_NO_PROOF_OF_NOISE,) if noise else ()), _NO_PROOFS[1], *always)


def _beyond_money(agreement: Agreement) -> tuple[str, ...]:
    if agreement.settlement is None:
        return ()
    own = agreement.settlement.chain_id == EMBEDDED_CHAIN
    return (*_beyond_scores(agreement), *_MONEY, _OWN_CHAIN if own else _OTHERS_CHAIN)


def _beyond_scores(agreement: Agreement) -> tuple[str, ...]:
    if agreement.settlement is None or agreement.settlement.contribution is None:
        return ()
    return (*_POOL, *((_CHANCE_IN_SCORES,) if agreement.privacy.noise != "none" else ()))


def proven(
    agreement: Agreement, *, updates: bool, scores: bool = False, removals: bool = False
) -> tuple[str, ...]:
    """Return what is proven once every proof of a run was verified; empty if the agreement asks for none.

    Args:
        agreement: The agreement.
        updates: Whether there are submissions: of none nothing is proven.
        scores: Whether there are released scores.
        removals: Whether rows were removed.
    """
    if not agreement.is_proven:
        return ()
    if not updates:
        return (_PROVEN_DATA,)
    claims = [
        (_PROVEN_UPDATES, _PROVEN_NOISE),
        *([(_PROVEN_SCORES, _PROVEN_SCORE_NOISE)] if scores else []),
    ]
    noise = agreement.privacy.noise != "none"
    lines = (line for claim in claims for line in (claim if noise else claim[:1]))
    return (_PROVEN_DATA, *lines, *((_PROVEN_REMOVALS,) if removals else ()))
