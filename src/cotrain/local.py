"""A run whose parties all have their homes on this machine: open the folders, hand the parts to `cotrain.flow`.

Used by `cotrain run` and `cotrain demo`. Every party still reads, checks and signs by itself.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from cotrain.agreement.document import Agreement
from cotrain.dataset.destruction import destroy_file, zero_rows
from cotrain.dataset.encoding import EncodedDataset
from cotrain.dataset.fingerprint import dataset_fingerprint
from cotrain.errors import OutsideError, UsageError
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity, load_identity
from cotrain.layout import HomeLayout, RunLayout
from cotrain.ledger.store import Ledger
from cotrain.ports import Clock, Entropy
from cotrain.privacy.budget import BudgetBook
from cotrain.records.canonical import sha256
from cotrain.records.record import decode_record
from cotrain.rounds.base import decode_base
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.erasure_rules import erasing_key
from cotrain.rounds.journal import SqliteJournal
from cotrain.rounds.owned import KeptCopy, OwnedData
from cotrain.rounds.party import Party
from cotrain.rounds.removals import ask_removal
from cotrain.rounds.view import View
from cotrain.rounds.witness import log_policy
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.earlier import Step
from cotrain.settlement.own import check_contracts, node_missing
from cotrain.settlement.terms import ContractTerms


@dataclass(frozen=True)
class Member:
    """A party of a local run: its keys and its home."""

    identity: Identity
    home: HomeLayout


@dataclass(frozen=True)
class LocalRun:
    """Everything that `cotrain.flow.run_in_process` needs."""

    lead: Identity
    coordinator: Coordinator
    parties: Sequence[Party]
    ledger: Ledger = field(repr=False)
    chain: Chain | None = field(repr=False)
    files: ExitStack = field(repr=False)

    def close(self) -> None:
        """Close all files: the ledger, journals and budget books."""
        self.files.close()


def create_home(home: HomeLayout, name: str, entropy: Entropy) -> Identity:
    """Make a home with a fresh identity, or return the identity of the home that is there.

    Raises:
        OutsideError: the folder cannot be written.
    """
    if home.identity.exists():
        return load_identity(home.identity)
    make_folder(home.path)
    home.path.chmod(0o700)  # rows, secrets and budget lie here
    identity = Identity(entropy.draw(f"identity/{name}", 32), name)
    identity.save(home.identity)
    return identity


def register_rows(
    member: Member, agreement: Agreement, dataset: EncodedDataset, epsilon_limit: float | None
) -> str:
    """Keep an owner's encoded rows for a run, and see that these rows have a privacy limit.

    Args:
        member: The owner.
        agreement: The agreement of the run.
        dataset: The encoded rows.
        epsilon_limit: What these rows may spend in all runs together; None leaves the limit that they have, or
            sets the agreement's epsilon. Without noise nothing is charged and no limit is set.

    Returns:
        The fingerprint under which the owner's budget book keeps these rows.

    Raises:
        UsageError: the limit is not one.
        OutsideError: the home cannot be written.
    """
    fingerprint = _fingerprint(member.identity, dataset)
    with BudgetBook.open(member.home.budget) as book:
        if agreement.privacy.noise != "none":
            if epsilon_limit is not None:
                book.set_limit(fingerprint, epsilon_limit, float(agreement.delta))
            elif not book.has_limit(fingerprint):
                book.set_limit(fingerprint, float(agreement.epsilon), float(agreement.delta))
    path = member.home.rows(agreement.digest)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, dataset.rows)
    partial.replace(path)
    return fingerprint


def erase_kept(member: Member, agreement: Agreement) -> list[str]:
    """Destroy the rows and secrets that a home keeps for a run, without a word to anybody.

    Returns:
        Names of the files that were destroyed. The journal goes too, so that no record of a run that never began
        is left; what the run's ledger has seen is not touched.

    Raises:
        OutsideError: a file cannot be destroyed.
    """
    rows, journal = member.home.rows(agreement.digest), member.home.journal(agreement.digest)
    names = [rows, rows.with_suffix(".partial.npy"), journal]
    names += [journal.with_name(journal.name + end) for end in ("-wal", "-shm")]
    found = [path for path in names if path.exists()]
    for path in found:
        destroy_file(path)
    return [path.name for path in found]


def approve(member: Member, agreement: Agreement) -> None:
    """Record that the owner of this home consents to the agreement."""
    with closing(SqliteJournal(member.home.journal(agreement.digest))) as journal:
        journal.put(f"approved/{agreement.digest}", b"yes")


def revoke(member: Member, agreement: Agreement, reason: str) -> None:
    """Record that the owner of this home withdraws its data; its agent tells the others when it next speaks."""
    with closing(SqliteJournal(member.home.journal(agreement.digest))) as journal:
        journal.put(f"revoked/{agreement.digest}", reason.encode())


def remove_row(member: Member, agreement: Agreement, row: int) -> None:
    """Record that the owner of this home takes a row (from 0) out; its agent does so before the next round."""
    with closing(SqliteJournal(member.home.journal(agreement.digest))) as journal:
        ask_removal(journal, agreement.digest, row)


def has_approved(member: Member, agreement: Agreement) -> bool:
    """Tell whether the owner of this home consents to the agreement."""
    return _remembers(member, agreement, f"approved/{agreement.digest}")


def has_revoked(member: Member, agreement: Agreement) -> bool:
    """Tell whether the owner of this home withdrew its data from the agreement."""
    return _remembers(member, agreement, f"revoked/{agreement.digest}")


def has_erased(member: Member, agreement: Agreement) -> bool:
    """Tell whether the agent of this home has begun to destroy what it kept for the run: it will end it and say so."""
    return _remembers(member, agreement, erasing_key(agreement.digest))


def has_begun(member: Member, agreement: Agreement) -> bool:
    """Tell whether this home has read a ledger of the agreement's run before."""
    return _remembers(member, agreement, "follower")


def _remembers(member: Member, agreement: Agreement, key: str) -> bool:
    path = member.home.journal(agreement.digest)
    if not path.exists():
        return False
    with closing(SqliteJournal(path)) as journal:
        return journal.get(key) is not None


def open_party(
    member: Member, agreement: Agreement, entropy: Entropy, clock: Clock, files: ExitStack
) -> Party:
    """Return the party of this home, as far as it has come in this run; its open files go to `files`."""
    journal = files.enter_context(closing(SqliteJournal(member.home.journal(agreement.digest))))
    data = owned_data(member, agreement)
    if data is not None:
        files.enter_context(data.budget)
    return Party(
        identity=member.identity,
        view=View(log_policy(agreement)),
        journal=journal,
        entropy=entropy,
        clock=clock,
        data=data,
    )


def open_run(
    run: RunLayout,
    agreement: Agreement,
    members: Sequence[Member],
    *,
    entropy: Sequence[Entropy],
    clock: Clock,
    node: Chain | None = None,
    base: bytes | None = None,
) -> LocalRun:
    """Start a run in a folder, or go on with the one that is there.

    Args:
        run: The run's folder.
        agreement: The agreement; must be the one in the folder if there is one.
        members: All parties, in the agreement's order.
        entropy: One source for each member.
        clock: The clock of all.
        node: A node of the agreement's chain; None for a chain of the run's own.
        base: The file of the model that training begins with; not needed once it is on the ledger.

    Raises:
        OutsideError: the folder holds another run, or cannot be written.
        UsageError: the agreement names a base model, and it is not given.
    """
    if not has_begun_in(run):
        _steps_before(agreement, base)
    make_folder(run.path)
    _keep_agreement(run.agreement, agreement)
    with ExitStack() as files:
        opened = Ledger.open(run.ledger) if run.ledger.exists() else Ledger.create(run.ledger)
        ledger = files.enter_context(opened)
        parties = [
            open_party(member, agreement, source, clock, files)
            for member, source in zip(members, entropy, strict=True)
        ]
        named = agreement.coordinator.did
        lead = next(member for member in members if member.identity.did == named)
        base = _logged_base(ledger) or base
        steps = _steps_before(agreement, base)
        paid = agreement.settlement is not None
        chain = open_chain(run, agreement, clock, node, steps) if paid else None
        if chain is not None:
            files.callback(chain.close)
        coordinator = Coordinator(lead.identity, agreement, ledger, clock, chain, base)
        return LocalRun(lead.identity, coordinator, parties, ledger, chain, files.pop_all())


def open_chain(
    run: RunLayout,
    agreement: Agreement,
    clock: Clock,
    node: Chain | None,
    steps: Sequence[Step] = (),
) -> Chain:
    """Return the chain of a run: a node, or the file beside its ledger, which begins with `steps`.

    Raises:
        RefusedError: the agreement names contracts that no run can use.
        UsageError: it needs a node, and none is given.
    """
    terms = ContractTerms.of(agreement)
    check_contracts(terms)
    if node is not None:
        return node
    if not terms.own_chain:
        raise node_missing(terms)
    chain = EmbeddedChain(run.chain, terms.settlement.chain_id, clock)
    try:
        chain.adopt(steps)
    except BaseException:
        chain.close()
        raise
    return chain


def has_begun_in(run: RunLayout) -> bool:
    """Tell whether there is an entry on a run folder's ledger."""
    if not run.ledger.exists():
        return False
    with Ledger.open(run.ledger, read_only=True) as ledger:
        return ledger.size > 0


def _logged_base(ledger: Ledger) -> bytes | None:
    """Return the base file beside the first record, if there is one."""
    if ledger.size == 0:
        return None
    body = decode_record(ledger.entry(0), verify_signature).body
    ref = getattr(body, "base", None)
    return None if ref is None else ledger.blob(bytes.fromhex(ref.sha256))


def _steps_before(agreement: Agreement, base: bytes | None) -> Sequence[Step]:
    """Check that the base model is the one that the agreement names; return the steps of its chain.

    Raises:
        UsageError: there is none, or another one.
    """
    term = agreement.base_model
    wanted = None if term is None else term.file
    if (None if base is None else sha256(base)) != wanted:
        given = "none is given" if base is None else "another one is given"
        named = (
            "names no base model" if term is None else f"begins with the model {term.model[:16]}"
        )
        raise UsageError(
            "run-base-model",
            f"the agreement {agreement.title!r} {named}, and {given}",
            meaning="The base file holds the model and the whole chain of its run, as they were when the agreement was "
            "drafted; nothing was begun.",
            hint="Give with --base-model the run that released the model. If its model was used or settled since, "
            "draft the agreement anew.",
        )
    return () if base is None else decode_base(base).steps


def make_folder(path: Path) -> None:
    """Make a folder, and those above it.

    Raises:
        OutsideError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutsideError(
            "folder-not-made",
            f"the folder {path} cannot be made: {error.strerror}",
            meaning="Nothing was written.",
            hint="Choose another folder, or ask for the right to write there.",
        ) from error


@contextmanager
def hold_folder(run: RunLayout) -> Iterator[None]:
    """Make the run's folder if need be, and be the only process that works in it.

    Raises:
        OutsideError: it cannot be made, or another process works in it.
    """
    make_folder(run.path)
    descriptor = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutsideError(
                "folder-in-use",
                f"another process works in {run.path}",
                meaning="Two processes in one run would speak for the same parties.",
                hint="Wait for it to end, or choose another folder with --out.",
            ) from error
        yield
    finally:
        os.close(descriptor)  # and the lock with it, also when the process is killed


def _keep_agreement(path: Path, agreement: Agreement) -> None:
    if path.exists():
        if path.read_bytes() != agreement.data:
            raise OutsideError(
                "folder-of-another-run",
                f"{path} is another agreement",
                meaning="A run folder holds one run; nothing in it was touched.",
                hint="Choose another folder with --out.",
            )
        return
    partial = path.with_suffix(".partial")
    partial.write_bytes(agreement.data)
    partial.replace(path)


def owned_data(member: Member, agreement: Agreement) -> OwnedData | None:
    """Return what a home registered for a run, None if it registered nothing."""
    path = member.home.rows(agreement.digest)
    if not path.exists():
        return None
    rows = np.load(path, allow_pickle=False)
    schema = agreement.data_schema
    dataset = EncodedDataset(schema.digest(), schema.encoded_names, rows)
    fingerprint = _fingerprint(member.identity, dataset)
    copy = KeptCopy(
        erase=partial(destroy_file, path),
        zero=partial(zero_rows, path),
        fingerprint=lambda left: _fingerprint(
            member.identity, EncodedDataset(schema.digest(), schema.encoded_names, left)
        ),
    )
    return OwnedData(rows, fingerprint, BudgetBook.open(member.home.budget), copy)


def _fingerprint(identity: Identity, dataset: EncodedDataset) -> str:
    return dataset_fingerprint(dataset, identity.secret("fingerprint"))
