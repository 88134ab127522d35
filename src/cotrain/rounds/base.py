"""The base model: a released model that a run begins with, and the chain that it was released on.

The base file travels as a blob beside the agreement, which names its SHA-256. So everybody who signs or audits has what
is needed to check it: the agreements that the model came from, the model, and all transactions of the chain so far
(docs/spec/base-model.md). Where money is moved, the contract itself says that a quorum released this model.
"""

from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from cotrain.agreement.base_model import BaseModelTerm
from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError
from cotrain.proofs.frames import decode_header, encode_header
from cotrain.records.canonical import sha256
from cotrain.rounds.plan import RunPlan
from cotrain.settlement.acts import creation_acts
from cotrain.settlement.contracts import AGREEMENTS
from cotrain.settlement.earlier import EarlierChain, Step
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import read_transaction
from cotrain.training.gradient import Weights, checked_weights
from cotrain.training.model import Model

FORMAT = "cotrain/base/1"
_FIELDS = ("format", "agreements", "model", "steps")
_MAX_RUNS = 64
_MAX_BYTES = 1 << 26
_STEP_HEAD = 12  # time in eight bytes, size in four
_LAST_TIME = 2**53 - 1  # as of every time on a ledger


@dataclass(frozen=True)
class Base:
    """What a base file holds.

    Attributes:
        agreements: Of the runs that the model came from, oldest first; the last one released it.
        model: The released model, canonical bytes.
        steps: All transactions of its chain so far; none where the new run does not go on with that chain.
    """

    agreements: tuple[Agreement, ...]
    model: bytes = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def released_by(self) -> Agreement:
        """The agreement of the run that released the model."""
        return self.agreements[-1]

    @property
    def weights(self) -> Weights:
        """The model's weights: int32, shape (K d,)."""
        return Model.decode(self.model).as_array()

    @property
    def term(self) -> BaseModelTerm:
        """What an agreement says of this base."""
        run, model = self.released_by.digest, sha256(self.model)
        return BaseModelTerm(run=run, model=model, file=sha256(self.encode()))

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        texts = [agreement.data for agreement in self.agreements]
        header = {
            "format": FORMAT,
            "agreements": [len(text) for text in texts],
            "model": len(self.model),
            "steps": len(self.steps),
        }
        steps = (
            time.to_bytes(8, "little") + len(raw).to_bytes(4, "little") + raw
            for time, raw in self.steps
        )
        return encode_header(FORMAT, header) + b"".join([*texts, self.model, *steps])


def decode_base(data: bytes) -> Base:
    """Read a base file.

    Raises:
        MalformedError: it is none, or holds something that is not what it should be.
    """
    if len(data) > _MAX_BYTES:
        raise _malformed(f"{len(data)} bytes exceed the limit of {_MAX_BYTES}")
    header, body = decode_header(FORMAT, data, _FIELDS)
    sizes, model, count = header["agreements"], header["model"], header["steps"]
    numbers = [*sizes, model, count] if isinstance(sizes, list) else [None]
    if any(type(number) is not int or not 0 <= number <= _MAX_BYTES for number in numbers):
        raise _malformed("its header holds something other than sizes")
    if not 1 <= len(sizes) <= _MAX_RUNS:
        raise _malformed(f"it names {len(sizes)} runs; 1 to {_MAX_RUNS} are possible")
    ends = list(accumulate([*sizes, model], initial=0))
    if ends[-1] > len(body):
        raise _malformed("it ends too early")
    parts = [body[start:end] for start, end in pairwise(ends)]
    agreements = tuple(decode_agreement(part) for part in parts[:-1])
    found = Base(agreements, parts[-1], _read_steps(body[ends[-1] :], count))
    Model.decode(found.model)
    if found.encode() != data:
        raise _malformed("it has a second spelling")
    return found


def check_base(agreement: Agreement, base: Base) -> None:
    """Check that a base is the one that an agreement names, and that training can begin with it.

    Raises:
        ForgeryError: it is another one, or the chain does not say that its run released this model.
        RefusedError: it does not fit the agreement's data, algorithm or contracts.
    """
    term, by = agreement.base_model, base.released_by
    _check_descent(base)
    named = (None, None) if term is None else (term.run, term.model)
    if named != (by.digest, sha256(base.model)):
        raise ForgeryError(
            "base-other-model",
            "the base file holds another model, or one of another run, than the agreement names",
            meaning="Training would begin with something that nobody agreed on.",
            hint="Get the file from who drafted the agreement.",
        )
    _check_fits(agreement, base)
    _check_chain(agreement, base)


def earlier_chain(agreement: Agreement, base: Base | None) -> EarlierChain:
    """Return the chain on which an agreement's transactions begin."""
    terms = ContractTerms.of(agreement)
    steps = () if base is None else base.steps
    return EarlierChain(terms.settlement.chain_id, steps, paid_elsewhere=not terms.own_chain)


def terms_before(agreement: Agreement, base: Base | None) -> tuple[ContractTerms, ...]:
    """Return the terms of the runs that the chain under a checked base holds, newest first."""
    if base is None or not base.steps:
        return ()
    chain, before = earlier_chain(agreement, base), []
    for earlier in base.agreements[::-1]:
        terms = None if earlier.settlement is None else ContractTerms.of(earlier)
        contract = base.released_by.settlement
        if terms is None or contract is None or not _has_joined(chain, contract.contract, terms):
            break  # it had no chain, or another one
        before.append(terms)
    return tuple(before)


def _has_joined(chain: EarlierChain, contract: str, terms: ContractTerms) -> bool:
    return int(chain.ask(AGREEMENTS, contract, "live", terms.name).get("joined", 0)) > 0


def _read_steps(data: bytes, count: int) -> tuple[Step, ...]:
    steps, place = [], 0
    for _ in range(count):
        head = data[place : place + _STEP_HEAD]
        start = place + _STEP_HEAD
        place = start + int.from_bytes(head[8:], "little")
        if len(head) < _STEP_HEAD or place > len(data):
            raise _malformed("a transaction in it ends too early")
        time = int.from_bytes(head[:8], "little")
        if time > _LAST_TIME:
            raise _malformed(f"a transaction in it ran at {time}, beyond every clock")
        steps.append((time, data[start:place]))
    if place != len(data):
        raise _malformed("something comes after its last transaction")
    return tuple(steps)


def _check_fits(agreement: Agreement, base: Base) -> None:
    """Check that the weights mean the same in both runs: same columns and scales, and within the bound."""
    model, algorithm = Model.decode(base.model), RunPlan.derive(agreement).algorithm
    old = base.released_by.data_schema
    if model.agreement != base.released_by.digest or model.schema != old.digest().hex():
        raise ForgeryError("base-other-model", "the model in the base file names another run")
    if not old.has_columns_of(agreement.data_schema):
        raise _unfit("its columns, their bounds or its target are others")
    for name in ("kind", "row_bound", "residual_bits", "weight_bits"):
        ours, theirs = getattr(algorithm, name), getattr(model.algorithm, name)
        if ours != theirs:
            raise _unfit(f"its {name} is {theirs}, the agreement's is {ours}")
    try:
        checked_weights(algorithm, base.weights)
    except CotrainError as error:
        raise _unfit(str(error)) from error


def _check_chain(agreement: Agreement, base: Base) -> None:
    """Check, where money is moved on the base's chain, that its contract says who released what."""
    money, before = agreement.settlement, base.released_by
    if not base.steps:
        if money is not None and money.parents:
            raise _unfit("its run moved no money, so a part of each use has nobody to go to")
        return
    if money is None or before.settlement is None:
        raise _unfit(
            "the base file holds transactions, and one of the two agreements moves no money"
        )
    old = before.settlement
    if (old.chain_id, old.contract, old.token) != (money.chain_id, money.contract, money.token):
        raise _unfit("the two agreements name other chains, contracts or tokens")
    terms = ContractTerms.of(before)
    _check_creations(base, terms)
    released = _account_on_chain(agreement, base, terms)
    if (released.get("model"), str(released.get("shares")).lower()) != (
        bytes.fromhex(sha256(base.model)),
        terms.model_shares.lower(),
    ):
        raise ForgeryError(
            "base-not-released",
            "by the transactions in the base file, the contract does not say that this model was released",
            meaning="No quorum of its parties signed that it came out of their run.",
            hint="Sign nothing; ask for the ledger of that run.",
        )
    if any(parent.model != terms.model_shares for parent in money.parents):
        raise _unfit("the agreement pays the holders of another model")


def _check_descent(base: Base) -> None:
    """Check that the agreements are those of all runs that the model came from, each begun with the one before."""
    before: str | None = None
    for agreement in base.agreements:
        term = agreement.base_model
        if (None if term is None else term.run) != before:
            raise ForgeryError(
                "base-other-descent",
                f"in the base file, the run of {agreement.title!r} does not begin with the one before it",
                meaning="A run that the model came from is left out or put in, and its holders would not be paid.",
                hint="Sign nothing; ask for the ledger of that run.",
            )
        before = agreement.digest


def _check_creations(base: Base, terms: ContractTerms) -> None:
    """Check that the contracts are this program's, created by the coordinator's first transactions.

    A contract's address follows from its creator's account and transaction number, so no other transaction can have
    put something else there.
    """
    coordinator = terms.account(terms.agreement.coordinator.did)
    wanted = {number: act.data for number, act in enumerate(creation_acts(terms))}
    sent = [read_transaction(raw) for _, raw in base.steps]
    found = {one.number: one.data for one in sent if one.sender == coordinator and one.to is None}
    if not terms.own_contracts or found != wanted:
        raise ForgeryError(
            "base-other-contracts",
            "the transactions in the base file do not create the contracts of this version of cotrain",
            meaning="What answers at their addresses could be anything, and take what is paid to it.",
            hint="Sign nothing. If the first run was made by another version, begin a chain of its own: leave out "
            "--base-share.",
        )


def _account_on_chain(agreement: Agreement, base: Base, terms: ContractTerms) -> dict[str, object]:
    chain, contract = earlier_chain(agreement, base), terms.settlement.contract
    try:
        return dict(chain.ask(AGREEMENTS, contract, "accountOf", terms.name))
    except CotrainError as error:
        raise ForgeryError(
            "base-bad-chain",
            f"the transactions in the base file cannot be run: {error}",
            meaning="They are not those of a chain that anybody carried out.",
            hint="Sign nothing; ask for the ledger of that run.",
        ) from error


def _unfit(why: str) -> RefusedError:
    return RefusedError(
        "base-does-not-fit",
        f"the run cannot begin with this base model: {why}",
        meaning="Weights mean something for one table, one kind of model and one set of contracts only.",
        hint="Draft the agreement with the schema of the base model's run, or without --base-model.",
    )


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "base-malformed",
        f"not a base file: {what}",
        meaning="It is another file, damaged, or of another version.",
        hint="Get it again from who drafted the agreement.",
    )
