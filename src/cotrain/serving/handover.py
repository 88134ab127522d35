"""Before a run's chain goes on with another run: nothing that is owed may be left behind."""

from cotrain.agreement.document import Agreement
from cotrain.errors import RefusedError
from cotrain.rounds.base import check_base, decode_base
from cotrain.rounds.handover import base_of
from cotrain.rounds.money import money_of
from cotrain.rounds.node import check_number
from cotrain.serving.session import Shop, has_unpaid_use
from cotrain.settlement.own import check_contracts
from cotrain.settlement.terms import ContractTerms


def check_handover(shop: Shop, to: Agreement) -> None:
    """Check that an agreement begins with this run's model and its chain, as they are now.

    Raises:
        CotrainError: it does not, its run could not begin, or uses of the model are not paid out yet.
    """
    term, run = to.base_model, shop.terms.agreement
    if term is None or term.run != run.digest:
        raise RefusedError(
            "handover-other-model",
            f"the agreement {to.title!r} does not begin with the model of {run.title!r}",
            meaning="A chain goes on with a run that says so, and nothing was changed.",
            hint="Draft it with `cotrain agreement new --base-model`.",
        )
    if shop.coordinator.state.successor == to.digest:
        return
    if has_unpaid_use(shop):
        raise RefusedError(
            "handover-unpaid-use",
            "buyers gave vouchers for this model that were not redeemed",
            meaning="Afterwards nobody would redeem them.",
            hint="Pay them out first (cotrain model settle), then draft the agreement anew.",
        )
    base = base_of(shop.coordinator.state, paid=True)
    if term != base.term:
        raise RefusedError(
            "handover-moved-on",
            f"the chain of {run.title!r} has other transactions than when {to.title!r} was drafted",
            meaning="The parties of the new agreement signed for the chain as it was.",
            hint="Draft the agreement anew, and let all parties sign it.",
        )
    if shop.clock.now() >= to.expires:
        raise RefusedError(
            "handover-expired",
            f"the agreement {to.title!r} has expired",
            meaning="Its run could not begin, and the chain would end there.",
            hint="Draft a new one.",
        )
    if not shop.terms.own_chain:
        account = shop.terms.account(shop.identity.did)
        check_number(money_of(shop.coordinator.state), shop.chain, account)
    check_contracts(ContractTerms.of(to))
    check_base(to, decode_base(base.encode()))
