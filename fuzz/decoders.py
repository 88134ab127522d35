"""Feed mutations of valid input to every decoder; see fuzz/README.md."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cotrain._native import proofs as native
from cotrain.agreement.consent import make_receipt as make_consent_receipt
from cotrain.agreement.consent import verify_receipt
from cotrain.agreement.document import PartyTerm, decode_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.negotiation import (
    begin,
    follow,
    read_negotiation,
    sign_acceptance,
    sign_offer,
    write_negotiation,
)
from cotrain.agreement.schema import parse_schema
from cotrain.commitment.pedersen import check_commitments, commit, derive_blindings, verify_opening
from cotrain.data.heart import SCHEMA_PATH
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.encryption.cipher import check_ciphertext, encrypt, generate_key
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.sealing import open_sealed, seal
from cotrain.encryption.sharing import deal, verify_share
from cotrain.errors import CotrainError
from cotrain.identity.did_key import public_key_of, verify_signature
from cotrain.identity.keys import Identity
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.follower import Follower
from cotrain.ledger.note import NamedSigner, SignatureType, VerifierKey, parse_note
from cotrain.ledger.receipt import Receipt, make_receipt
from cotrain.ledger.store import Ledger
from cotrain.ledger.tiles import decode_bundle, encode_bundle
from cotrain.proofs.refusals import refusals
from cotrain.records.canonical import decode, encode
from cotrain.records.kinds import CheckBody
from cotrain.records.record import decode_record, sign_record
from cotrain.rounds.base import Base, decode_base
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.evidence_file import decode_evidence, encode_evidence, rejection_evidence
from cotrain.settlement.rejection import Rejection, decode_rejection, sign_rejection
from cotrain.settlement.terms import ContractTerms
from cotrain.testing.determinism import ManualClock, SeededEntropy
from cotrain.testing.world import COORDINATOR, build_world
from cotrain.training.algorithm import Algorithm
from cotrain.training.model import Model

Reader = Callable[[bytes], bytes | None]
"""Decode; return the canonical bytes of what was read, or None where a value has no bytes of its own."""


@dataclass(frozen=True)
class Target:
    """A decoder and valid input for it."""

    name: str
    read: Reader
    seeds: tuple[bytes, ...]


class Finding(Exception):  # noqa: N818 - it is what fuzzing looks for
    """A decoder did what it must never do."""


def check(target: Target, data: bytes) -> None:
    """Decode `data`; raise `Finding` unless it is refused properly or is its own canonical form."""
    try:
        again = target.read(data)
    except CotrainError:
        return
    except BaseException as error:
        raise Finding(
            f"{target.name}: {type(error).__name__}: {error}; input {data[:200].hex()}"
        ) from error
    if again is not None and again != data:
        raise Finding(f"{target.name} accepts a second spelling: {data[:200].hex()}")


def mutations(seeds: tuple[bytes, ...], generator: np.random.Generator) -> Iterator[bytes]:
    """Yield mutated inputs for ever."""
    while True:
        data = bytearray(seeds[int(generator.integers(len(seeds)))])
        for _ in range(int(generator.integers(1, 4))):
            data = _mutate(data, seeds, generator)
        yield bytes(data)


def _mutate(data: bytearray, seeds: tuple[bytes, ...], generator: np.random.Generator) -> bytearray:
    place = int(generator.integers(len(data) + 1))
    other = seeds[int(generator.integers(len(seeds)))]
    noise = generator.bytes(int(generator.integers(1, 9)))
    match int(generator.integers(7)):
        case 0 if data:
            data[place % len(data)] ^= 1 << int(generator.integers(8))
        case 1 if data:
            data[place % len(data)] = b'\x00\xff\n\r"{}[]0-. +=,\\e'[int(generator.integers(18))]
        case 2:
            data[place:place] = noise
        case 3:
            del data[place : place + len(noise)]
        case 4:
            data = data[:place] + other[int(generator.integers(len(other) + 1)) :]
        case 5:
            data[place:place] = data[place : place + 40]
        case _:
            data = data[:place]
    return data


def targets(folder: Path) -> list[Target]:
    """Return all decoders with valid input."""
    return [
        *_texts(),
        *_records(),
        *_ledger(folder),
        *_cryptography(),
        *_proofs(),
        *_tables(folder),
        *_evidence(folder),
    ]


def _texts() -> Iterator[Target]:
    identity = Identity(bytes(32), "fuzz")
    yield Target(
        "canonical JSON", lambda d: encode(decode(d)), (encode({"a": [1, "x", None, True]}),)
    )

    def did(data: bytes) -> bytes | None:
        public_key_of(data.decode("latin-1"))
        return None

    yield Target("did:key", did, (identity.did.encode(),))
    yield Target("schema", _verdict(parse_schema), (SCHEMA_PATH.read_bytes(),))
    algorithm = Algorithm(kind="logistic", features=3, learning_rate=Fraction(4))
    model = Model(algorithm, (1, -2, 3), "0" * 64, "1" * 64)
    yield Target("model", lambda d: Model.decode(d).encode(), (model.encode(),))


def _records() -> Iterator[Target]:
    identity = Identity(bytes(32), "fuzz")
    record = sign_record(
        identity, "0" * 64, CheckBody(round=3, close="1" * 64, complaints=[identity.did])
    )
    yield Target("record", lambda d: decode_record(d, verify_signature).data, (record.data,))
    people = [Identity(bytes([n]) * 32, f"p{n}") for n in range(1, 5)]
    parties = [PartyTerm(name=p.name, did=p.did, roles=["data_owner"]) for p in people]
    parties[0] = PartyTerm(name="p1", did=people[0].did, roles=["data_owner", "coordinator"])
    agreement = draft_agreement(
        parse_schema(SCHEMA_PATH.read_bytes()),
        parties,
        Wishes("fuzz"),
        entropy=SeededEntropy("fuzz"),
        clock=ManualClock(),
    )
    yield Target("agreement", lambda d: decode_agreement(d).data, (agreement.data,))
    model = Model(Algorithm(kind="logistic", features=2), (1, -2), "0" * 64, "1" * 64)
    bases = [Base((agreement,) * n, model.encode(), ((7, b"one"), (9, b""))[:n]) for n in (1, 2)]
    yield Target(
        "base file", lambda d: decode_base(d).encode(), tuple(base.encode() for base in bases)
    )
    talks = begin(sign_offer(people[1], agreement, 1))
    talks = follow(talks, sign_acceptance(people[2], talks, 2))
    yield Target(
        "negotiation",
        lambda d: write_negotiation(read_negotiation(d).messages),
        (write_negotiation(talks.messages),),
    )
    yield Target(
        "consent receipt",
        lambda d: encode(verify_receipt(d, agreement)),
        (make_consent_receipt(agreement, people[1], 1),),
    )


def _evidence(folder: Path) -> Iterator[Target]:
    wishes = MoneyWishes(price=1, shares={COORDINATOR: 20}, stake_owner=1)
    world = build_world(folder, money=wishes)
    terms, said = ContractTerms.of(world.agreement), Rejection(world.did("Owner 1"), 1, "0" * 64)
    signed = [
        sign_rejection(terms, said, actor.identity.did, account_of(actor.identity), "fuzz")
        for name, actor in world.actors.items()
        if name != "Owner 1"
    ]
    yield Target("rejection", lambda d: decode_rejection(d).data, (signed[0].data,))
    if world.chain is not None:
        world.chain.close()
    found = encode_evidence(terms, rejection_evidence(terms, signed))
    yield Target("evidence", _verdict(lambda d: decode_evidence(d, [terms])), (found,))


def _ledger(folder: Path) -> Iterator[Target]:
    signer = NamedSigner("fuzz/log", Identity(bytes(32)))
    key = VerifierKey.of(signer, SignatureType.ED25519)
    with Ledger.create(folder / "ledger.db") as ledger:
        ledger.append([b"one", b"two", b"three"])
        note = ledger.issue_checkpoint("fuzz/log", signer)
        receipt = make_receipt(ledger, 1, note)
        entries = ledger.entries(0, 3)
    follower = Follower("fuzz/log", key).advance(entries, note)
    yield Target("note", lambda d: parse_note(d).encode().encode(), (note.encode(),))
    body = note.split("\n\n")[0] + "\n"
    yield Target(
        "checkpoint",
        lambda d: Checkpoint.parse(d.decode("latin-1")).encode().encode("latin-1"),
        (body.encode(),),
    )
    yield Target("receipt", lambda d: Receipt.parse(d).encode().encode(), (receipt.encode(),))
    yield Target(
        "follower", lambda d: Follower.decode(d).encode().encode(), (follower.encode().encode(),)
    )
    yield Target(
        "verifier key",
        lambda d: VerifierKey.parse(d.decode("latin-1")).encode().encode(),
        (key.encode().encode(),),
    )
    yield Target(
        "entry bundle", lambda d: encode_bundle(decode_bundle(d, 3)), (encode_bundle(entries),)
    )


def _cryptography() -> Iterator[Target]:
    values, width = np.arange(-5, 6, dtype=np.int64), 4
    blindings = derive_blindings(bytes(32), b"fuzz", 3)
    points = commit(values, width, blindings)
    yield Target("commitments", _verdict(lambda d: check_commitments(d, 11, width)), (points,))
    yield Target(
        "opening", _verdict(lambda d: verify_opening(points, values, width, d)), (blindings,)
    )
    parameters = SumParameters.derive(4, 65_535)
    key = generate_key(bytes(32))
    ciphertext = encrypt(parameters, np.arange(40, dtype=np.uint64), key, b"fuzz", bytes(32))
    yield Target(
        "ciphertext", _verdict(lambda d: check_ciphertext(parameters, 40, d)), (ciphertext,)
    )
    commitments, shares = deal(parameters, key, 2, 3, bytes(32))
    yield Target(
        "share",
        _verdict(lambda d: verify_share(parameters, commitments, 1, d)),
        (shares[0],),
    )
    yield Target(
        "key commitments",
        _verdict(lambda d: verify_share(parameters, d, 1, shares[0])),
        (commitments,),
    )
    sealed = seal(_x25519_public(), b"", b"", b"secret", bytes(32))
    yield Target(
        "sealed share", _verdict(lambda d: open_sealed(bytes([7]) * 32, b"", b"", d)), (sealed,)
    )


def _proofs() -> Iterator[Target]:
    # Two rows of one number, a bias and a label; one proof of S1, which is the only spelling of itself.
    rows = np.array([[3, 4, 1], [-2, 4, 0]], dtype=np.int16)
    statement = native.DatasetStatement(b"fuzz", (2, 3, 0, 2), (3, 4), (0, 1), bytes(1), [0])
    blindings = derive_blindings(bytes(32), b"fuzz", 1)
    points = commit(np.pad(rows, ((0, 0), (0, 1))).ravel(), 1024, blindings)
    proof = statement.prove(rows, points, blindings, bytes(32))

    def accept(points: bytes, proof: bytes) -> None:
        with refusals("fuzz"):
            native.check_all([statement.reduce(points, proof)])

    def read_proof(data: bytes) -> bytes:
        accept(points, data)
        return proof

    def read_points(data: bytes) -> bytes:
        accept(data, proof)
        return points

    yield Target("proof", read_proof, (proof,))
    yield Target("points of a proof", read_points, (points,))


def _tables(folder: Path) -> Iterator[Target]:
    schema = parse_schema(
        b'{"format":"cotrain/schema/1","name":"fuzz","min_rows":1,"columns":['
        b'{"kind":"numeric","name":"a","unit":"m","min":"-9","max":"9"},{"kind":"flag","name":"b"}],'
        b'"target":{"kind":"binary","name":"y","negative":"0","positive":"1"}}'
    )

    def read(data: bytes) -> bytes | None:
        path = folder / "table"
        path.write_bytes(data)
        encode_table(TableSource(path), schema)
        return None

    yield Target("table", read, (b"a,b,y\n1.5,0,1\n-3,1,0\n", b'"a",b,y\r\n"2",1,1\r\n'))


def _verdict(verify: Callable[[bytes], object]) -> Reader:
    """Return a reader for bytes that are only judged, not decoded."""

    def read(data: bytes) -> bytes | None:
        verify(data)
        return None

    return read


def _x25519_public() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    return X25519PrivateKey.from_private_bytes(bytes([7]) * 32).public_key().public_bytes_raw()


def main() -> None:
    """Fuzz every decoder for some seconds each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        for target in targets(Path(folder)):
            if options.only in target.name:
                print(
                    f"{target.name}: {_fuzz(target, options.seconds, options.seed)} inputs, no finding",
                    flush=True,
                )


def _fuzz(target: Target, seconds: float, seed: int) -> int:
    for data in target.seeds:
        check(target, data)
    end, count = time.monotonic() + seconds, 0
    for data in mutations(target.seeds, np.random.default_rng(seed)):
        check(target, data)
        count += 1
        if time.monotonic() > end:
            break
    return count


if __name__ == "__main__":
    main()
