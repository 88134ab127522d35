"""When a party destroys what: secrets of rounds that are over, words that were used, all of a run in the end.

The lifetimes are those of docs/spec/erasure.md; the ledger keeps what was said.
"""

from typing import Final

from cotrain.ports import Store
from cotrain.rounds.scoring import Openings
from cotrain.rounds.state import Phase, RunState
from cotrain.rounds.words import WordBook

_ENDED: Final = frozenset({Phase.FINISHED, Phase.ABORTED})
_SCORES_OVER: Final = _ENDED | {Phase.APPROVING, Phase.PAYING}
_OF_ROUNDS: Final = ("secrets", "sent/submission", "sent/check", "sent/answer", "sent/release")


def forget_rounds(journal: Store, state: RunState) -> None:
    """Destroy the secrets and the copies of rounds that are over, and what no later step of the run needs."""
    run = state.terms.digest
    for prefix in _OF_ROUNDS:
        journal.delete(f"{run}/{prefix}/")
    if state.phase in _ENDED:
        journal.delete(f"{run}/run-secrets/")
    if state.phase in _SCORES_OVER:
        Openings(journal, state).destroy()


def forget_words(journal: Store, state: RunState, did: str) -> None:
    """Destroy noise words that were used, that were announced in vain, or that will not be used any more."""
    book, logged = WordBook(journal, state.terms.digest), state.noise_words.get(did)
    if state.phase in _ENDED or did in state.revoked:
        book.destroy()
    elif logged is not None and not _may_be_logged(state, did):
        book.keep_only(logged.first_round)


def destroy_secrets(journal: Store, state: RunState) -> None:
    """Destroy all secrets that an owner keeps for a run."""
    run = state.terms.digest
    forget_rounds(journal, state)
    WordBook(journal, run).destroy()
    Openings(journal, state).destroy()
    for prefix in ("dataset-", "run-secrets/", "removal-secrets/"):
        journal.delete(f"{run}/{prefix}")


def _may_be_logged(state: RunState, did: str) -> bool:
    """Tell whether a submission that names other words for the next round may still reach the ledger."""
    return state.phase is Phase.SUBMITTING and did not in state.current.submissions
