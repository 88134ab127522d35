"""Parties and coordinators that follow the protocol and cheat in one place. For simulations and tests.

A `Liar` is a party whose honest words pass through `twist` before they leave it; give its class to
`cotrain.testing.world.Actor.make`. A `LyingLog` is a coordinator that logs and signs whatever it likes; an honest party
reads it as a board. What catches each lie is said in its docstring and tested in tests/integration. Lies that only
proofs catch are in `cotrain.testing.false_proofs`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cotrain.aggregation.opening import to_fields
from cotrain.agreement.document import Agreement
from cotrain.commitment.pedersen import commit
from cotrain.encryption.cipher import encrypt, generate_key
from cotrain.encryption.sealing import seal
from cotrain.encryption.sharing import deal
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.note import Note, parse_note
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import Frontier, leaf_hash
from cotrain.records.kinds import Body, SubmissionBody
from cotrain.records.record import Message, Record, blob_ref, decode_record, sign_record
from cotrain.rounds.end_rules import sum_context
from cotrain.rounds.party import Party
from cotrain.rounds.submission import (
    RoundSecrets,
    SubmissionSecrets,
    noised_update,
    share_info,
)
from cotrain.rounds.witness import log_policy, log_signer, origin_of, witness_signer


def restate(
    signer: Identity, message: Message, blobs: Mapping[str, bytes] | None = None, **fields: object
) -> Message:
    """Return `message` with other fields and blobs, signed anew by `signer`.

    Args:
        signer: Who signs.
        message: What was to be said.
        blobs: Field name to the bytes that it shall name.
        fields: Field name to value.
    """
    record = message.record
    refs = {name: blob_ref(data) for name, data in (blobs or {}).items()}
    body = record.body.model_copy(update={**fields, **refs})
    known = dict(message.blobs) | {blob_ref(data).sha256: data for data in (blobs or {}).values()}
    named = {ref.sha256 for ref in sign_record(signer, record.run, body).blobs}
    kept = {name: data for name, data in known.items() if name in named}
    return Message(sign_record(signer, record.run, body), kept)


class Liar(Party, ABC):
    """A party that cheats in one kind of record, `lies_in`, from round `since` on; otherwise honest."""

    lies_in = ""
    since = 0

    def speak(self) -> list[Message]:
        """Return what is due, twisted."""
        told = []
        for message in super().speak():
            due = getattr(message.record.body, "round", self.since) >= self.since
            lies = due and message.record.kind == self.lies_in
            told += self.twist(message) if lies else [message]
        return told

    @abstractmethod
    def twist(self, message: Message) -> list[Message]:
        """Return what is said instead of `message`."""

    @property
    def secrets(self) -> RoundSecrets:
        """The liar's own secrets of the current round."""
        state = self.view.state
        return self._memory.round_secrets(state)

    def _restate(
        self, message: Message, blobs: Mapping[str, bytes] | None = None, **fields: object
    ) -> list[Message]:
        return [restate(self.identity, message, blobs, **fields)]

    def _deal(self, key_seed: bytes) -> tuple[bytes, bytes]:
        """Share the key of a seed: return the key commitments and the sealed shares."""
        state, current = self.view.state, self.view.state.current
        sizes = current.threshold, len(current.holders)
        dealing = self.secrets.derive("sharing")
        parameters = state.derived.parameters
        commitments, shares = deal(parameters, generate_key(key_seed), *sizes, dealing)
        return commitments, self._seal(shares)

    def _seal(self, shares: Sequence[bytes], label: str = "seal") -> bytes:
        state, current = self.view.state, self.view.state.current
        sealed = []
        for holder, share in zip(current.holders, shares, strict=True):
            info = share_info(state.terms.digest, current.number, self.did, holder)
            key = bytes.fromhex(state.sealing_keys[holder])
            sealed.append(seal(key, info, b"", share, self.secrets.derive(f"{label}/{holder}")))
        return b"".join(sealed)

    def _honest_shares(self) -> list[bytes]:
        state, current = self.view.state, self.view.state.current
        key = generate_key(self.secrets.derive("key"))
        sizes = current.threshold, len(current.holders)
        return deal(state.derived.parameters, key, *sizes, self.secrets.derive("sharing"))[1]

    def _own_secrets(self) -> SubmissionSecrets:
        """Return all secrets of the current round's submission."""
        assert self._data is not None  # noqa: S101 - only owners submit
        return self._submission_secrets(self.view.state, self._data)

    def _update(self) -> NDArray[np.int64]:
        return noised_update(self.view.state, self.did, self._own_secrets())


class WrongCommitment(Liar):
    """Commits to another update than it encrypts. Caught: the sum does not open, the run is aborted."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Commit to the update plus one in its first entry."""
        shape, update = self.view.state.derived.shape, self._update()
        update[0] += 1
        blindings = self._own_secrets().update_blindings(self.view.state.derived)
        return self._restate(message, {"commitments": commit(update, shape.width, blindings)})


class WrongCiphertext(Liar):
    """Encrypts another update than it committed to. Caught: the sum does not open, the run is aborted."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Encrypt the update with its first entry off by one."""
        state, update = self.view.state, self._update()
        shape, secrets = state.derived.shape, self.secrets
        update[0] += 1 if update[0] < shape.bound else -1
        blindings = self._own_secrets().update_blindings(state.derived)
        fields = to_fields(update, blindings, shape.bound)
        context = sum_context(state.terms.digest, state.current.number)
        key, error = generate_key(secrets.derive("key")), secrets.derive("error")
        ciphertext = encrypt(state.derived.parameters, fields, key, context, error)
        return self._restate(message, {"ciphertext": ciphertext})


class MalformedCiphertext(Liar):
    """Sends a ciphertext that is a byte too long. Caught: refused on the ledger, the round goes on."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Append one byte."""
        body = message.record.body
        assert isinstance(body, SubmissionBody)  # noqa: S101 - by `lies_in`
        return self._restate(message, {"ciphertext": message.blobs[body.ciphertext.sha256] + b"\0"})


class WrongKey(Liar):
    """Shares, consistently, another key than it encrypts under. Caught: the sum does not open: abort."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Deal another key."""
        commitments, sealed = self._deal(self.secrets.derive("another key"))
        return self._restate(message, {"key_commitments": commitments, "sealed_shares": sealed})


class BadShare(Liar):
    """Sends its first other key holder a wrong share, then answers rightly. Caught by a complaint; stays."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Swap one holder's share for another's."""
        shares, holders = self._honest_shares(), self.view.state.current.holders
        victim = 0 if holders[0] != self.did else 1
        shares[victim] = shares[victim - 1]
        return self._restate(message, {"sealed_shares": self._seal(shares)})


class MuteBadShare(BadShare):
    """Sends a wrong share and never answers. Caught: it is excluded from the survivors."""

    def speak(self) -> list[Message]:
        """Say everything but answers."""
        return [message for message in super().speak() if message.record.kind != "answer"]


class StubbornBadShare(BadShare):
    """Sends a wrong share and answers with a wrong one. Caught: the answer is refused, it is excluded."""

    def speak(self) -> list[Message]:
        """Answer with another holder's share."""
        shares, told = self._shares_once(), []
        for message in super().speak():
            wrong = message.record.kind == "answer" and shares
            told += self._restate(message, {"share": shares[-1]}) if wrong else [message]
        return told

    def _shares_once(self) -> list[bytes]:
        return self._honest_shares() if self.view.state.phase.name == "CHECKING" else []


class UnopenableShares(Liar):
    """Seals nothing that opens, to nobody. Caught: all complain; it cannot answer more than can lie: excluded."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Send zeros."""
        body = message.record.body
        assert isinstance(body, SubmissionBody)  # noqa: S101 - by `lies_in`
        return self._restate(message, {"sealed_shares": bytes(body.sealed_shares.size)})


class FalseAccuser(Liar):
    """Complains of an honest owner. Settled by the owner's answer; nobody is excluded."""

    lies_in = "check"

    def twist(self, message: Message) -> list[Message]:
        """Complain of the first other owner."""
        owners = [owner for owner in self.view.state.current.submissions if owner != self.did]
        return self._restate(message, complaints=owners[:1])


class StrangeAccuser(Liar):
    """Complains of somebody who did not submit. Caught: the check is refused on the ledger."""

    lies_in = "check"

    def twist(self, message: Message) -> list[Message]:
        """Complain of the coordinator."""
        return self._restate(message, complaints=[self.view.state.terms.coordinator.did])


class FalseRelease(Liar):
    """Releases a wrong sum of shares. Caught: refused on the ledger under its name; the others suffice."""

    lies_in = "release"

    def twist(self, message: Message) -> list[Message]:
        """Release one of its shares instead of the sum."""
        share = self._honest_shares()[0]
        return self._restate(message, {"share": share})


class Replayer(Liar):
    """Sends its first submission again in every later round. Caught: it counts for nothing."""

    lies_in = "submission"
    first: Message | None = None

    def twist(self, message: Message) -> list[Message]:
        """Say the first submission."""
        self.first = self.first or message
        return [self.first]


class Resigner(Replayer):
    """Sends the commitments of round 0 again under a new record. Caught: refused on the ledger."""

    def twist(self, message: Message) -> list[Message]:
        """Name this round, bring the old values."""
        old = super().twist(message)[0]
        body = message.record.body
        assert isinstance(body, SubmissionBody)  # noqa: S101 - by `lies_in`
        return [restate(self.identity, old, round=body.round, opening=body.opening)]


class Copycat(Liar):
    """Submits another owner's commitments of the round before. Caught: refused on the ledger."""

    lies_in = "submission"
    since = 1

    def twist(self, message: Message) -> list[Message]:
        """Take the first other owner's C_U from the ledger."""
        seen = self.view.state.seen_commitments - {self._own}
        return self._restate(message, {"commitments": min(seen)})

    @property
    def _own(self) -> bytes:
        current = self.view.state.current.submissions.get(self.did)
        return b"" if current is None else current.commitments


class TwoFaced(Liar):
    """Says two different submissions for one round. Caught: the first to come counts, the other is evidence."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Add a second submission, its shares sealed once more."""
        sealed = self._seal(self._honest_shares(), "again")
        return [message, *self._restate(message, {"sealed_shares": sealed})]


class WrongCoin(Liar):
    """Shows another coin than it committed to. Caught: refused on the ledger; the run does not begin."""

    lies_in = "dataset"

    def twist(self, message: Message) -> list[Message]:
        """Show a coin of zeros."""
        return self._restate(message, coin="0" * 64)


class WrongRowCount(Liar):
    """Registers more rows than the schema allows. Caught: refused on the ledger; the run does not begin."""

    lies_in = "dataset"

    def twist(self, message: Message) -> list[Message]:
        """Claim one row more than the most."""
        return self._restate(message, rows=self.view.state.terms.data_schema.max_rows + 1)


class DeadSealingKey(Liar):
    """Signs with a sealing key of low order, on which every owner would fail. Caught: refused on the ledger."""

    lies_in = "signature"

    def twist(self, message: Message) -> list[Message]:
        """Name the zero point."""
        return self._restate(message, sealing_key="0" * 64)


class Silent(Liar):
    """Never says one kind of record."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Say nothing."""
        del message
        return []


class SilentHolder(Silent):
    """Checks its shares and never releases their sum. The others suffice."""

    lies_in = "release"


class LateComplainer(Silent):
    """Never checks its shares."""

    lies_in = "check"


class MissingWords(Liar):
    """Signs without committing to its noise words. Caught: refused on the ledger; the run does not begin."""

    lies_in = "signature"

    def twist(self, message: Message) -> list[Message]:
        """Leave them out."""
        return self._restate(message, noise_words=None)


class RepeatedWords(Liar):
    """Commits for its next submission to the words of this one. Caught: refused on the ledger."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Name the words that stand on the ledger already."""
        words = self.view.state.noise_words[self.did].commitments
        return self._restate(message, {"next_words": words})


class LyingLog:
    """A coordinator that logs whatever it likes and signs it; a `Board` for its victims.

    Args:
        identity: The coordinator's keys.
        agreement: The agreement.
        entries: The history to begin with.
        blobs: SHA-256 (hex) to bytes.
    """

    def __init__(
        self,
        identity: Identity,
        agreement: Agreement,
        entries: Sequence[bytes],
        blobs: Mapping[str, bytes],
    ) -> None:
        self.history = list(entries)
        self.blobs = dict(blobs)
        self._identity = identity
        self._agreement = agreement

    @classmethod
    def after(cls, ledger: Ledger, identity: Identity, agreement: Agreement, size: int) -> Self:
        """Begin with the first `size` entries of an honest ledger."""
        blobs = {digest.hex(): ledger.blob(digest) for digest in ledger.blob_digests()}
        return cls(identity, agreement, ledger.entries(0, size), blobs)

    def fork(self) -> Self:
        """Return another history that begins with all of this one."""
        return type(self)(self._identity, self._agreement, self.history, self.blobs)

    # What victims read.

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return entries."""
        return self.history[start:stop]

    def blob(self, sha256_hex: str) -> bytes:
        """Return a blob."""
        return self.blobs[sha256_hex]

    def checkpoint(self, witness: str = "") -> str:
        """Sign whatever the history is now."""
        del witness
        return self._note().encode()

    # Lies.

    def log(self, message: Message) -> None:
        """Log a message without asking any rule."""
        self.history.append(message.record.data)
        self.blobs.update(message.blobs)

    def say(self, body: Body, *blobs: bytes) -> Record:
        """Log a record of the coordinator's own."""
        record = sign_record(self._identity, self._agreement.digest, body)
        self.log(Message(record, {blob_ref(data).sha256: data for data in blobs}))
        return record

    def amend(self, index: int, blobs: Mapping[str, bytes] | None = None, **fields: Any) -> None:
        """Replace an entry by the same record with other fields, signed by the coordinator."""
        record = decode_record(self.history[index], verify_signature)
        named = {ref.sha256: self.blobs[ref.sha256] for ref in record.blobs}
        other = restate(self._identity, Message(record, named), blobs, **fields)
        self.history[index] = other.record.data
        self.blobs.update(other.blobs)

    def save(self, path: Path, accomplices: Sequence[Identity] = (), now: int = 0) -> Ledger:
        """Write the history as a ledger whose last checkpoint `accomplices` cosigned unread."""
        ledger = Ledger.create(path)
        ledger.append(self.history, list(self.blobs.values()))
        note = self._note()
        for accomplice in accomplices:
            note = cosign(note, witness_signer(accomplice), now)
        ledger.add_checkpoint(note.encode(), log_policy(self._agreement))
        return ledger

    def _note(self) -> Note:
        root = Frontier().extend(leaf_hash(entry) for entry in self.history).root()
        run = self._agreement.digest
        checkpoint = Checkpoint(origin_of(run), len(self.history), root)
        return parse_note(sign_checkpoint(checkpoint, log_signer(self._identity, run)).encode())
