"""What an agreement becomes on the contract: its terms there, its name, and who may join (docs/spec/settlement.md)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.agreement.settlement import SettlementTerm
from cotrain.errors import RefusedError
from cotrain.records.canonical import encode as canonical
from cotrain.records.canonical import sha256
from cotrain.settlement.addresses import model_address, own_contracts
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, MODEL_SHARES, load_contract
from cotrain.settlement.merkle import leaf, merkle_proof, merkle_root
from cotrain.settlement.typed_data import AgreementDomain, Domain

EMBEDDED_CHAIN: Final = 0x636F7472
"""Chain id of a run's own chain: the letters "cotr"."""

MICRO: Final = 1_000_000
"""The contract counts epsilon in millionths."""

OWNER, COORDINATOR, DEMANDER = 1, 2, 4
_ROLE_BITS = {"data_owner": OWNER, "coordinator": COORDINATOR, "model_demander": DEMANDER}
_ASSURANCE = {"recorded": 0, "proven": 3}


@dataclass(frozen=True)
class ContractTerms:
    """An agreement with money, as the contract sees it.

    Attributes:
        agreement: The agreement; it has settlement terms.
        settlement: These.
    """

    agreement: Agreement
    settlement: SettlementTerm

    @classmethod
    def of(cls, agreement: Agreement) -> "ContractTerms":
        """Read the terms.

        Raises:
            RefusedError: the agreement moves no money.
        """
        if agreement.settlement is None:
            raise RefusedError(
                "settlement-none",
                f"the agreement {agreement.title!r} moves no money",
                meaning="There is no contract to ask and nothing to pay.",
                hint="Draft it with --price, or leave money out of the run.",
            )
        return cls(agreement, agreement.settlement)

    @property
    def own_chain(self) -> bool:
        """Whether the run has a chain of its own, inside the coordinator's process."""
        return self.settlement.chain_id == EMBEDDED_CHAIN

    @cached_property
    def own_contracts(self) -> bool:
        """Whether the run's coordinator creates the contracts with its first transactions."""
        expected = own_contracts(self.account(self.agreement.coordinator.did))
        return (self.settlement.contract, self.settlement.token) == (
            expected[AGREEMENTS],
            expected[CREDITS],
        )

    @cached_property
    def values(self) -> tuple[Any, ...]:
        """`Terms` of the contract, in its order."""
        agreement, money = self.agreement, self.settlement
        return (
            bytes.fromhex(agreement.digest),
            bytes.fromhex(sha256(canonical(agreement.algorithm.model_dump(mode="json")))),
            merkle_root(list(self._leaves.values())),
            money.token,
            self.account(agreement.coordinator.did),
            self.account(self.demander.did),
            agreement.expires,
            money.challenge_seconds,
            int(agreement.epsilon * MICRO),
            agreement.rounds,
            len(agreement.parties),
            agreement.quorum.survivors,
            money.quorum,
            money.pool,
            _ASSURANCE[agreement.assurance],
            money.transfer == "anyone",
            int(money.price),
            int(money.stake_owner),
            int(money.stake_coordinator),
            int(money.use_price),
            [(parent.model, parent.basis_points) for parent in money.parents],
        )

    @cached_property
    def name(self) -> bytes:
        """The agreement's name on the contract: the hash of all its terms there."""
        inputs = next(
            entry["inputs"]
            for entry in load_contract(AGREEMENTS).abi
            if entry.get("name") == "open"
        )
        kinds = [item["type"] for item in inputs[0]["components"]]
        kinds[-1] = "(address,uint16)[]"
        return keccak(encode([f"({','.join(kinds)})"], [self.values]))

    @cached_property
    def domain(self) -> AgreementDomain:
        """Where signatures for the contract count."""
        money = self.settlement
        return AgreementDomain(
            Domain("Cotrain Agreements", money.chain_id, money.contract), self.name
        )

    @cached_property
    def token_domain(self) -> Domain:
        """Where permits of the run's own credits count."""
        return Domain("Cotrain credits", self.settlement.chain_id, self.settlement.token)

    @property
    def demander(self) -> PartyTerm:
        """Who pays."""
        return next(party for party in self.agreement.parties if "model_demander" in party.roles)

    @property
    def model_shares(self) -> str:
        """Where the share token of the run's model will stand, if the run has its own contracts."""
        code = own_contracts(self.account(self.agreement.coordinator.did))[MODEL_SHARES]
        return model_address(self.settlement.contract, code, self.name)

    def account(self, did: str) -> str:
        """Return the account of a party."""
        account = self.agreement.party(did).account
        if account is None:  # the agreement's own rules exclude it
            raise RefusedError("settlement-no-account", f"{did} has no account in the agreement")
        return account

    def party_of(self, account: str) -> PartyTerm | None:
        """Return the party with this account; None if nobody has it."""
        wanted = account.lower()
        return next(
            (p for p in self.agreement.parties if p.account and p.account.lower() == wanted), None
        )

    def leaf_values(self, did: str) -> tuple[str, int, int]:
        """Return `Party` of the contract: account, roles, basis points."""
        roles = sum(_ROLE_BITS.get(role, 0) for role in self.agreement.party(did).roles)
        return self.account(did), roles, self.basis_points(did)

    def basis_points(self, did: str) -> int:
        """Return a party's agreed share."""
        found = (share.basis_points for share in self.settlement.shares if share.did == did)
        return next(found, 0)

    def party_proof(self, did: str) -> list[bytes]:
        """Return the proof that a party may join as what it is."""
        return merkle_proof(list(self._leaves.values()), self._leaves[did])

    def due(self, did: str) -> int:
        """Return what is drawn from a party's account when it joins: the price, stakes."""
        money, roles = self.settlement, self.agreement.party(did).roles
        return (
            (int(money.stake_owner) if "data_owner" in roles else 0)
            + (int(money.stake_coordinator) if "coordinator" in roles else 0)
            + (int(money.price) if "model_demander" in roles else 0)
        )

    @cached_property
    def _leaves(self) -> dict[str, bytes]:
        return {
            party.did: leaf(["address", "uint8", "uint16"], self.leaf_values(party.did))
            for party in self.agreement.parties
        }
