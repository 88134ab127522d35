// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Agreements} from "../src/Agreements.sol";
import {Credits} from "../src/Credits.sol";
import {ModelShares} from "../src/ModelShares.sol";
import {
    Account,
    Anchor,
    AnchorProof,
    Approval,
    COORDINATOR,
    Checkpoint,
    DEMANDER,
    Live,
    Member,
    OWNER,
    Parent,
    Party,
    Rejection,
    Release,
    Terms
} from "../src/Types.sol";
import {vm} from "./Vm.sol";

/// A world of seven parties: three owners, developer, auditor, demander, coordinator; and what they sign.
///
/// Party i has the key i + 1. Shares: owners 2,000 basis points each, developer 1,500, auditor 0, demander 0,
/// coordinator 2,500. Ten rounds for a price of 10,000; quorum 4.
abstract contract Base {
    uint256 internal constant PARTIES = 7;
    uint256 internal constant DEVELOPER_ = 3;
    uint256 internal constant AUDITOR_ = 4;
    uint256 internal constant DEMANDER_ = 5;
    uint256 internal constant COORDINATOR_ = 6;
    uint64 internal constant CHALLENGE = 1 days;
    uint128 internal constant PRICE = 10_000;
    uint128 internal constant STAKE = 500;
    uint128 internal constant BIG_STAKE = 3_000;
    uint256 internal constant START = 1_700_000_000;

    Agreements internal agreements;
    Credits internal money;
    bytes32 internal id;

    function setUp() public virtual {
        vm.warp(START);
        agreements = new Agreements(address(new ModelShares()));
        money = new Credits(address(this));
        id = agreements.open(_terms(1));
    }

    // Who is who.

    function key(uint256 party) internal pure returns (uint256) {
        return party + 1;
    }

    function who(uint256 party) internal pure returns (address) {
        return vm.addr(key(party));
    }

    function leafOf(uint256 party) internal pure returns (Party memory) {
        uint8[7] memory roles = [OWNER, OWNER, OWNER, 0, 0, DEMANDER, COORDINATOR];
        uint16[7] memory points = [2_000, 2_000, 2_000, 1_500, 0, 0, 2_500];
        return Party(who(party), roles[party], points[party]);
    }

    function _terms(uint256 salt) internal view returns (Terms memory terms) {
        terms.document = keccak256(abi.encode("document", salt));
        terms.algorithm = keccak256("algorithm");
        terms.parties = rootOf(leaves());
        terms.token = address(money);
        terms.coordinator = who(COORDINATOR_);
        terms.demander = who(DEMANDER_);
        terms.expiry = uint64(START + 30 days);
        terms.challenge = CHALLENGE;
        terms.epsilonBudget = 1_000_000;
        terms.maxRounds = 10;
        terms.partyCount = uint32(PARTIES);
        terms.minOwners = 2;
        terms.quorum = 4;
        terms.assurance = 3;
        terms.price = PRICE;
        terms.ownerStake = STAKE;
        terms.coordinatorStake = BIG_STAKE;
        terms.usePrice = 10;
    }

    // Merkle trees, as OpenZeppelin verifies them.

    function leafHash(bytes memory encoded) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    function leaves() internal pure returns (bytes32[] memory made) {
        made = new bytes32[](PARTIES);
        for (uint256 i; i < PARTIES; ++i) {
            Party memory party = leafOf(i);
            made[i] = leafHash(abi.encode(party.account, party.roles, party.basisPoints));
        }
    }

    function rootOf(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) level = above(level);
        return level[0];
    }

    function proofOf(bytes32[] memory level, uint256 place) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory found = new bytes32[](32);
        uint256 count;
        while (level.length > 1) {
            if (place ^ 1 < level.length) found[count++] = level[place ^ 1];
            level = above(level);
            place /= 2;
        }
        proof = new bytes32[](count);
        for (uint256 i; i < count; ++i) proof[i] = found[i];
    }

    function above(bytes32[] memory level) internal pure returns (bytes32[] memory upper) {
        upper = new bytes32[]((level.length + 1) / 2);
        for (uint256 i; i < upper.length; ++i) {
            if (2 * i + 1 == level.length) {
                upper[i] = level[2 * i];
                continue;
            }
            (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
            upper[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
    }

    // Signatures.

    function domain(string memory name, address contract_) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                contract_
            )
        );
    }

    function signedBy(uint256 party, bytes32 said) internal view returns (bytes memory) {
        return signedIn(party, said, domain("Cotrain Agreements", address(agreements)));
    }

    function signedIn(uint256 party, bytes32 said, bytes32 where) internal pure returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", where, said));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key(party), digest);
        return abi.encodePacked(r, s, v);
    }

    function consentOf(bytes32 agreement, uint256 party, bytes32 dataset, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256(
            "Consent(bytes32 agreement,bytes32 document,address account,bytes32 dataset,uint256 deadline)"
        );
        bytes32 document = agreements.termsOf(agreement).document;
        return signedBy(party, keccak256(abi.encode(kind, agreement, document, who(party), dataset, deadline)));
    }

    function releaseHash(bytes32 agreement, Release memory what) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Release(bytes32 agreement,uint32 rounds,bytes32 payouts,bytes32 model,bool last)");
        return keccak256(abi.encode(kind, agreement, what.rounds, what.payouts, what.model, what.last));
    }

    /// Signatures of these parties, sorted by account.
    function approvalsOf(bytes32 said, uint256[] memory parties) internal view returns (Approval[] memory made) {
        made = new Approval[](parties.length);
        for (uint256 i; i < parties.length; ++i) {
            Approval memory added = Approval(who(parties[i]), signedBy(parties[i], said));
            uint256 j = i;
            for (; j > 0 && made[j - 1].account > added.account; --j) made[j] = made[j - 1];
            made[j] = added;
        }
    }

    function first(uint256 count) internal pure returns (uint256[] memory parties) {
        parties = new uint256[](count);
        for (uint256 i; i < count; ++i) parties[i] = i;
    }

    // Steps of a run.

    function datasetOf(uint256 party) internal pure returns (bytes32) {
        return leafOf(party).roles & OWNER != 0 ? keccak256(abi.encode("dataset", party)) : bytes32(0);
    }

    function fund(bytes32 agreement, uint256 party) internal {
        Terms memory terms = agreements.termsOf(agreement);
        uint8 roles = leafOf(party).roles;
        uint256 due;
        if (roles & OWNER != 0) due += terms.ownerStake;
        if (roles & COORDINATOR != 0) due += terms.coordinatorStake;
        if (roles & DEMANDER != 0) due += terms.price;
        money.issue(who(party), due);
        uint256 allowed = money.allowance(who(party), address(agreements));
        vm.prank(who(party));
        money.approve(address(agreements), allowed + due);
    }

    function join(bytes32 agreement, uint256 party) internal {
        fund(agreement, party);
        bytes32 dataset = datasetOf(party);
        uint256 deadline = block.timestamp + 1;
        bytes memory signature = consentOf(agreement, party, dataset, deadline);
        agreements.join(agreement, leafOf(party), proofOf(leaves(), party), dataset, deadline, signature);
    }

    function joinAll(bytes32 agreement) internal {
        for (uint256 i; i < PARTIES; ++i) join(agreement, i);
    }

    function nextAnchor(bytes32 agreement) internal view returns (Anchor memory made) {
        Live memory current = agreements.live(agreement);
        made.round = current.rounds + 1;
        made.version = current.version;
        made.opened = uint40(block.timestamp);
        made.epsilon = current.epsilon + 50_000;
        made.size = 100 * made.round;
        made.root = keccak256(abi.encode("ledger", made.round));
        made.result = keccak256(abi.encode("result", made.round));
        made.participants = rootOf(participants());
    }

    /// The three owners, as the leaves of a round's participants.
    function participants() internal pure returns (bytes32[] memory made) {
        made = new bytes32[](3);
        for (uint256 i; i < 3; ++i) made[i] = leafHash(abi.encode(who(i)));
    }

    function anchor(bytes32 agreement, uint256 count) internal {
        for (uint256 i; i < count; ++i) {
            Anchor memory made = nextAnchor(agreement);
            vm.prank(who(COORDINATOR_));
            agreements.anchor(agreement, made);
        }
    }

    function release(bytes32 agreement, bool last) internal {
        Release memory what = Release(
            agreements.live(agreement).rounds, 0, last ? keccak256("model") : bytes32(0), last
        );
        agreements.release(agreement, what, approvalsOf(releaseHash(agreement, what), first(4)));
    }

    function revoke(bytes32 agreement, uint256 party) internal {
        vm.prank(who(party));
        agreements.revoke(agreement);
    }

    function sharesOf(bytes32 agreement) internal view returns (ModelShares) {
        return ModelShares(agreements.accountOf(agreement).shares);
    }

    // Claims about the world.

    function same(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert(string.concat(what, ": ", text(found), ", expected ", text(expected)));
    }

    function check(bool holds, string memory what) internal pure {
        if (!holds) revert(what);
    }

    function text(uint256 number) internal pure returns (string memory) {
        if (number < 10) return string(abi.encodePacked(bytes1(uint8(48 + number))));
        return string.concat(text(number / 10), text(number % 10));
    }
}
