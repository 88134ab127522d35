"""What a run of this version can carry out of the money terms that an agreement can state."""

from cotrain.errors import RefusedError, UsageError
from cotrain.settlement.terms import ContractTerms


def check_contracts(terms: ContractTerms) -> None:
    """Check that the run's coordinator creates all contracts that the agreement names.

    Every party and every auditor runs all transactions again from the empty state, before it signs or believes
    anything. What others created, and did with it, is not on the ledger and could not be run again.

    Raises:
        RefusedError: the agreement names others, or models of other runs.
    """
    if terms.own_contracts and (terms.agreement.base_model or not terms.settlement.parents):
        return
    raise RefusedError(
        "settlement-others-contracts",
        "the agreement names a token, a contract or models that neither its run nor its base model's creates",
        meaning="Nobody could run its transactions again from the ledger, so no payment would ever be signed. This "
        "version pays in credits that the coordinator issues.",
        hint="Draft the agreement with `cotrain agreement new`, which names the contracts of the run itself, or with "
        "--base-model those of the run before it.",
    )


def node_missing(terms: ContractTerms) -> UsageError:
    """Return the error for a run on a chain of others that was given no node."""
    return UsageError(
        "run-no-node",
        f"the agreement's contracts are on chain {terms.settlement.chain_id}, and no node of it is given",
        meaning="A node is asked for each time: its address may hold a secret, so it is kept nowhere.",
        hint="Give --node URL, or set COTRAIN_NODE.",
    )
