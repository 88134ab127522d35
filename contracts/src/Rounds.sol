// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Membership} from "./Membership.sol";
import {Anchor, AnchorProof, Live} from "./Types.sol";

/// One anchor a round, at constant cost: what can be refused without seeing the ledger is refused here.
///
/// The chain keeps the head of a chain of hashes over the anchors, from which any of them can be shown again; what
/// they say in full is in the transactions, which stand on the ledger.
abstract contract Rounds is Membership {
    event Anchored(bytes32 indexed agreement, uint32 indexed round, uint64 size, bytes32 root, bytes32 anchorHash);

    error NotCoordinator();
    error NotAllJoined();
    error WrongRound(uint32 expected);
    error WrongVersion(uint32 expected);
    error WrongTime();
    error TooFewOwners();
    error BudgetExceeded(uint64 budget);
    error NotAnchored();

    /// Records a finished round. Refused: after the expiry or the end, out of order, beyond the rounds or the privacy
    /// budget, by a coordinator that does not know of the latest revocation, with too few owners left.
    function anchor(bytes32 agreement, Anchor calldata made) external {
        Live storage current = _running(agreement);
        if (msg.sender != current.coordinator) revert NotCoordinator();
        if (current.joined != current.partyCount) revert NotAllJoined();
        uint32 next = current.rounds + 1;
        if (made.round != next || next > current.maxRounds) revert WrongRound(next);
        if (made.version != current.version) revert WrongVersion(current.version);
        if (made.opened < current.opened || made.opened > block.timestamp) revert WrongTime();
        if (current.owners < current.minOwners) revert TooFewOwners();
        if (made.epsilon > current.epsilonBudget || made.epsilon < current.epsilon) {
            revert BudgetExceeded(current.epsilonBudget);
        }
        current.rounds = next;
        current.epsilon = made.epsilon;
        current.opened = made.opened;
        bytes32 added = _hashOf(made);
        current.head = _link(current.head, added);
        emit Anchored(agreement, next, made.size, made.root, added);
    }

    /// Reverts unless the anchor is one of the agreement's. Costs about 600 gas for each later round.
    function _checkAnchored(bytes32 agreement, AnchorProof calldata proof) internal view {
        bytes32 head = _link(proof.before, _hashOf(proof.anchor));
        for (uint256 i; i < proof.later.length; ++i) {
            head = _link(head, proof.later[i]);
        }
        if (head != _known(agreement).head) revert NotAnchored();
    }

    function _hashOf(Anchor calldata made) private pure returns (bytes32) {
        return keccak256(abi.encode(made));
    }

    function _link(bytes32 before, bytes32 added) private pure returns (bytes32) {
        return keccak256(abi.encode(before, added));
    }
}
