"""What the contracts cost: gas of every operation by number of parties, CPU and disk of the run's own chain.

Usage: python -m benchmarks.contracts [--parties 10 100 1000] [--rounds 1000] [--out FILE]

Gas is what the EVM counts, the same everywhere: data and the 21,000 of a transaction are in it. CPU time is that of
this machine. All transactions are real ones, signed and carried out on the embedded chain.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, describe
from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.identity.keys import Identity
from cotrain.records.kinds import Consent
from cotrain.rounds.money_rules import permit_of
from cotrain.serving.terms import GENESIS, UseTerms
from cotrain.settlement.acts import (
    NO_HASH,
    Act,
    AnchorFacts,
    anchor_act,
    later_act,
    participants_root,
    release_act,
    release_values,
    revoke_act,
    setup_acts,
)
from cotrain.settlement.addresses import own_contracts
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.contracts import AGREEMENTS, REGISTRY, load_contract
from cotrain.settlement.draft import MoneyWishes, draft_settlement
from cotrain.settlement.evidence import ShownCheckpoint, split_act
from cotrain.settlement.merkle import leaf, merkle_proof
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.determinism import ManualClock, SeededEntropy
from cotrain.testing.world import small_schema

FORMAT = "cotrain/benchmarks-contracts/1"
RESULT = RESULTS / "contracts.json"
ANCHOR_BAR = 45_000
NOTICE_SECONDS = 7 * 86_400


@dataclass
class Bench:
    """A run's contracts, with so many parties, without the training."""

    terms: ContractTerms
    accounts: dict[str, Account]
    chain: EmbeddedChain
    clock: ManualClock
    gas: dict[str, list[int]] = field(default_factory=dict)
    steps: list[tuple[int, bytes]] = field(default_factory=list)
    anchored: list[AnchorFacts] = field(default_factory=list)

    @property
    def lead(self) -> Account:
        return self.accounts[self.terms.agreement.coordinator.did]

    def send(self, act: Act, by: Account | None = None) -> int:
        account = by or self.lead
        number = self.chain.nonce(account.address)
        raw = sign_act(account, act, self.chain.chain_id, number, self.chain.fees())
        receipt = self.chain.send(raw)
        if not receipt.succeeded:
            raise RuntimeError(
                f"{act.kind} was refused: {load_contract(AGREEMENTS).reason(receipt.output)}"
            )
        self.gas.setdefault(act.kind, []).append(receipt.gas)
        self.steps.append((receipt.time, raw))
        return receipt.gas

    def call(self, kind: str, function: str, *arguments: Any, gas: int = 20_000_000) -> int:
        data = load_contract(AGREEMENTS).call(function, self.terms.name, *arguments)
        return self.send(Act(kind, "", self.terms.settlement.contract, data, gas))


def prepare(folder: Path, parties: int, rounds: int) -> Bench:
    """Return the contracts of an agreement of so many parties, all of whom joined."""
    people = [Identity(f"{place:032d}".encode(), f"P{place}") for place in range(parties)]
    accounts = {person.did: account_of(person) for person in people}
    agreement = _agreement(people, accounts, rounds)
    terms, clock = ContractTerms.of(agreement), ManualClock()
    bench = Bench(
        terms, accounts, EmbeddedChain(folder / "chain.db", terms.settlement.chain_id, clock), clock
    )
    roots = {p.did: f"{place:064x}" for place, p in enumerate(agreement.owners, 1)}
    consents = {did: _consent(terms, did, accounts[did], roots.get(did)) for did in accounts}
    for act in setup_acts(terms, consents, roots):
        bench.send(act)
    return bench


def _agreement(people: Sequence[Identity], accounts: dict[str, Account], rounds: int) -> Agreement:
    roles: list[Any] = [["data_owner"] for _ in people]
    roles[-3:] = [["model_demander"], ["algorithm_developer"], ["coordinator", "compute_provider"]]
    terms = [
        PartyTerm(name=p.name, did=p.did, roles=r, account=accounts[p.did].address)
        for p, r in zip(people, roles, strict=True)
    ]
    money = MoneyWishes(
        price=1000,
        stake_owner=1,
        stake_coordinator=10,
        shares={terms[-1].name: 10, terms[-2].name: 10},
    )
    wishes = Wishes("Costs", rounds=rounds, epsilon=None, assurance="recorded", colluders=1)
    settlement = draft_settlement(terms, money, colluders=1)
    return draft_agreement(
        small_schema(),
        terms,
        wishes,
        entropy=SeededEntropy("costs"),
        clock=ManualClock(),
        settlement=settlement,
    )


def _consent(terms: ContractTerms, did: str, account: Account, root: str | None) -> Consent:
    deadline = terms.agreement.expires
    dataset = NO_HASH if root is None else bytes.fromhex(root)
    document = bytes.fromhex(terms.agreement.digest)
    said = terms.domain.consent(document, account.address, dataset, deadline)
    permit = account.sign(permit_of(terms, did, deadline)).hex() if terms.due(did) else None
    return Consent(signature=account.sign(said).hex(), permit=permit, deadline=deadline)


def anchor(bench: Bench, number: int, version: int) -> int:
    """Anchor a round with facts of full length."""
    owners = [bench.accounts[p.did].address for p in bench.terms.agreement.owners]
    facts = AnchorFacts(
        round=number,
        version=version,
        opened=bench.clock.now(),
        epsilon=0,
        size=(1 << 30) + number,
        root=bytes([number % 255 + 1]) * 32,
        result=b"\x07" * 32,
        participants=_participants(tuple(owners)),
    )
    bench.anchored.append(facts)
    return bench.send(anchor_act(bench.terms, facts))


def _participants(owners: tuple[str, ...], known: dict[tuple[str, ...], bytes] = {}) -> bytes:  # noqa: B006
    if owners not in known:
        known[owners] = participants_root(list(owners))
    return known[owners]


def whole_life(folder: Path, parties: int, rounds: int) -> Bench:
    """Carry out every operation once; `rounds` anchors."""
    bench = prepare(folder, parties, rounds)
    terms, owners = bench.terms, [p.did for p in bench.terms.agreement.owners]
    for number in range(1, rounds):
        anchor(bench, number, parties)
    leaver = bench.accounts[owners[0]]
    signature = leaver.sign(terms.domain.revocation(leaver.address)).hex()
    bench.send(revoke_act(terms, owners[0], signature))
    bench.clock.advance(10)
    anchor(bench, rounds, parties + 1)
    _release(bench, rounds)
    _use(bench, owners[1])
    _on_a_copy(bench, folder / "split.db", _slash_split)
    _on_a_copy(bench, folder / "false-anchor.db", _slash_false_anchor)
    _evidence(bench, owners[0])
    bench.clock.advance(terms.settlement.challenge_seconds + 1)
    bench.call("stake", "returnStake", bench.accounts[owners[1]].address)
    registry = own_contracts(bench.lead.address)[REGISTRY]
    data = load_contract(REGISTRY).call("publish", 0, b"\x01" * 32, b"\x02" * 32)
    bench.send(Act("publish", "", registry, data, 300_000))
    return bench


def _release(bench: Bench, rounds: int) -> None:
    terms = bench.terms
    what = release_values(rounds, b"\x09" * 32)
    said = terms.domain.release(what)
    signers = list(bench.accounts)[: terms.settlement.quorum]
    approvals = {did: bench.accounts[did].sign(said).hex() for did in signers}
    act = release_act(terms, what, approvals)
    bench.send(Act(act.kind, "", act.to, act.data, 60_000_000))
    for did in (list(bench.accounts)[1], terms.agreement.coordinator.did):
        bench.call("claim", "claim", bench.accounts[did].address)
    bench.call("refund", "refund")


def _use(bench: Bench, holder: str) -> None:
    terms, buyer = bench.terms, Account(b"\x05" * 32)
    use, amount = UseTerms.of(terms, "00" * 32), 1_000_000
    bench.send(later_act(terms, "issue", "", buyer.address, amount))
    bench.send(later_act(terms, "approve", "", use.shares, amount), buyer)
    bench.send(later_act(terms, "deposit", "", amount), buyer)
    for total in (10_000, 20_000):  # the first one writes fresh storage
        signature = buyer.sign(use.voucher(buyer.address, total, 1, GENESIS))
        act = later_act(terms, "redeem", "", buyer.address, total, 1, bytes(32), signature)
        bench.send(act)
    bench.send(later_act(terms, "royalty", "", bench.accounts[holder].address))
    bench.send(later_act(terms, "issue", "", buyer.address, amount))
    bench.send(later_act(terms, "approve", "", use.shares, amount), buyer)
    bench.send(later_act(terms, "pay", "", amount, b"licence".ljust(32, b"\x00")), buyer)
    bench.send(later_act(terms, "announce", ""), buyer)
    bench.clock.advance(NOTICE_SECONDS + 1)
    bench.send(later_act(terms, "withdraw", ""), buyer)


def _on_a_copy(bench: Bench, path: Path, work: Callable[[Bench], None]) -> None:
    """Do something on a copy of the chain: a stake can be slashed once only."""
    original = path.with_name("chain.db")
    bench.chain.close()
    shutil.copy(original, path)
    chain_id = bench.terms.settlement.chain_id
    bench.chain, steps = EmbeddedChain(path, chain_id, bench.clock), list(bench.steps)
    work(bench)
    bench.chain.close()
    bench.chain, bench.steps = EmbeddedChain(original, chain_id, bench.clock), steps


def _shown(bench: Bench, facts: AnchorFacts, root: bytes) -> ShownCheckpoint:
    values = (facts.round, facts.version, facts.size, root)
    return ShownCheckpoint(*values, bench.lead.sign(bench.terms.domain.checkpoint(*values)))


def _slash_split(bench: Bench) -> None:
    facts = bench.anchored[-1]
    one, other = (_shown(bench, facts, root) for root in (facts.root, b"\x08" * 32))
    act = split_act(bench.terms, one, other)
    bench.send(Act("slash, split", "", act.to, act.data, act.gas))


def _slash_false_anchor(bench: Bench) -> None:
    facts = bench.anchored[-1]
    shown = _shown(bench, facts, b"\x08" * 32)
    proof = (tuple(vars(facts).values()), _head_before(bench), [])
    bench.call("slash, false anchor", "slashFalseAnchor", shown.values, shown.signature, proof)


def _evidence(bench: Bench, leaver: str) -> None:
    """Slash twice: for a round with an owner that had revoked, then an owner by the quorum."""
    terms, facts = bench.terms, bench.anchored[-1]
    owners = [bench.accounts[p.did].address for p in terms.agreement.owners]
    leaves = [leaf(["address"], [account]) for account in owners]
    account = bench.accounts[leaver].address
    values = tuple(vars(facts).values())
    before = _head_before(bench)
    proof = merkle_proof(leaves, leaf(["address"], [account]))
    bench.call("slash, revoked owner", "slashRevoked", account, (values, before, []), proof)
    subject = bench.accounts[terms.agreement.owners[2].did].address
    said = terms.domain.rejection(subject, 1, b"\x03" * 32)
    judges = [a for a in bench.accounts.values() if a.address != subject][: terms.settlement.quorum]
    signed = sorted((int(a.address, 16), a.address, a.sign(said)) for a in judges)
    pairs = [(address, signature) for _, address, signature in signed]
    bench.call(
        "slash, rejected", "slashRejected", (subject, 1, b"\x03" * 32), pairs, gas=60_000_000
    )


def _head_before(bench: Bench) -> bytes:
    """Return the head before the last anchor, as anybody computes it from the anchors."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    kinds = ["uint32", "uint32", "uint40", "uint64", "uint64", "bytes32", "bytes32", "bytes32"]
    head = bench.terms.name
    for facts in bench.anchored[:-1]:
        made = keccak(encode(kinds, tuple(vars(facts).values())))
        head = keccak(head + made)
    return head


def measure(parties: int, rounds: int) -> dict[str, Any]:
    """Return gas of each operation: median and largest."""
    with tempfile.TemporaryDirectory() as folder:
        bench = whole_life(Path(folder), parties, rounds)
        bench.chain.close()
        found: dict[str, Any] = {
            "parties": parties,
            "rounds": rounds,
            "quorum": bench.terms.settlement.quorum,
        }
        found["gas"] = {
            kind: {"median": sorted(costs)[len(costs) // 2], "largest": max(costs)}
            for kind, costs in bench.gas.items()
        }
        anchors = bench.gas["anchor"]
        found["anchor_first"], found["anchor_last"] = anchors[0], anchors[-1]
        return found


def embedded(rounds: int) -> dict[str, Any]:
    """Return gas and CPU time of an anchor, CPU time of running it again, and disk for so many rounds."""
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(Path(folder), 10, rounds)
        path = Path(folder) / "chain.db"
        bench.chain.close()
        before, setup = _size(path), len(bench.steps)
        bench.chain = EmbeddedChain(path, bench.terms.settlement.chain_id, bench.clock)
        anchoring = _cpu(lambda: [anchor(bench, number, 10) for number in range(1, rounds + 1)])
        bench.chain.close()
        again = _cpu(lambda: list(replay(bench.terms.settlement.chain_id, bench.steps)))
        return {
            "rounds": rounds,
            "transactions_before": setup,
            "anchor_cpu_ms": 1000 * anchoring / rounds,
            "replay_cpu_ms": 1000 * again / (setup + rounds),
            "disk_bytes": _size(path) - before,
            "anchor_gas": {"first": bench.gas["anchor"][0], "last": bench.gas["anchor"][-1]},
        }


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def _cpu(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contracts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--parties", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=1000, help="for CPU and disk")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    document: dict[str, Any] = {"format": FORMAT, "machine": describe()}
    document["by_parties"] = [measure(parties, 4) for parties in options.parties]
    document["embedded"] = embedded(options.rounds)
    show(document)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def show(document: dict[str, Any]) -> None:
    """Print the tables."""
    sizes = document["by_parties"]
    print(f"{'gas (median)':24}" + "".join(f"{size['parties']:>14,} parties" for size in sizes))
    kinds = {kind: None for size in sizes for kind in size["gas"]}
    for kind in kinds:
        print(f"{kind:24}" + "".join(f"{size['gas'][kind]['median']:>22,}" for size in sizes))
    worst = max(size["gas"]["anchor"]["largest"] for size in sizes)
    print(
        f"largest anchor {worst:,}, bar {ANCHOR_BAR:,}: {'ok' if worst <= ANCHOR_BAR else 'MISSED'}"
    )
    own = document["embedded"]
    print(
        f"own chain: {own['anchor_cpu_ms']:.1f} ms CPU an anchor, {own['replay_cpu_ms']:.1f} ms to run a transaction "
        f"again, {own['disk_bytes'] / 1e6:.1f} MB for {own['rounds']:,} rounds; an anchor took "
        f"{own['anchor_gas']['first']:,} gas in round 1 and {own['anchor_gas']['last']:,} in round {own['rounds']:,}"
    )


if __name__ == "__main__":
    main()
