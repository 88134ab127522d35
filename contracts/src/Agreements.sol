// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Settlement} from "./Settlement.sol";
import {
    Account,
    Anchor,
    AnchorProof,
    Approval,
    BASIS_POINTS,
    BOUNTY,
    Checkpoint,
    Live,
    Member,
    Rejection,
    STAKE_SCALE
} from "./Types.sol";

/// Terms with teeth: membership, rounds, money, and the stakes of those who break the rules.
///
/// Evidence can be brought by anybody until `stakesUntil`. A slashed stake goes to the other parties by their shares,
/// except for a bounty; it changes nothing in what the run pays. Whoever reports itself by another account gets the
/// bounty back and no more.
contract Agreements is Settlement {
    using SafeERC20 for IERC20;

    bytes32 private constant CHECKPOINT =
        keccak256("Checkpoint(bytes32 agreement,uint32 round,uint32 version,uint64 size,bytes32 root)");
    bytes32 private constant REJECTION =
        keccak256("Rejection(bytes32 agreement,address subject,uint32 round,bytes32 evidence)");

    event Slashed(bytes32 indexed agreement, address indexed account, string why, uint256 amount, address reporter);

    error NoEvidence();
    error NothingAtStake();
    error TooLate();

    constructor(address modelCode) EIP712("Cotrain Agreements", "1") Settlement(modelCode) {}

    /// The coordinator signed two ledgers for one round.
    function slashSplit(
        bytes32 agreement,
        Checkpoint calldata one,
        bytes calldata oneSignature,
        Checkpoint calldata other,
        bytes calldata otherSignature
    ) external nonReentrant {
        if (one.round != other.round || one.version != other.version) revert NoEvidence();
        if (one.size == other.size && one.root == other.root) revert NoEvidence();
        _checkCheckpoint(agreement, one, oneSignature);
        _checkCheckpoint(agreement, other, otherSignature);
        _slash(agreement, _known(agreement).coordinator, "split");
    }

    /// The coordinator signed a ledger for the parties and anchored another one for the same round.
    function slashFalseAnchor(
        bytes32 agreement,
        Checkpoint calldata shown,
        bytes calldata signature,
        AnchorProof calldata proof
    ) external nonReentrant {
        _checkAnchored(agreement, proof);
        Anchor calldata made = proof.anchor;
        if (shown.round != made.round || shown.version != made.version) revert NoEvidence();
        if (shown.size == made.size && shown.root == made.root) revert NoEvidence();
        _checkCheckpoint(agreement, shown, signature);
        _slash(agreement, _known(agreement).coordinator, "false anchor");
    }

    /// An anchored sum holds the update of an owner that had revoked before the round was opened.
    ///
    /// At most one round is under way at a time: the round after the next one was opened later, whatever the coordinator
    /// says of the time. Of the next one the contract has only the coordinator's word.
    function slashRevoked(
        bytes32 agreement,
        address owner,
        AnchorProof calldata proof,
        bytes32[] calldata participation
    ) external nonReentrant {
        _checkAnchored(agreement, proof);
        Member storage leaver = _members[agreement][owner];
        if (leaver.revokedAt == 0) revert NoEvidence();
        bool later = proof.anchor.round > uint256(leaver.rounds) + 1;
        if (!later && proof.anchor.opened <= leaver.revokedAt) revert NoEvidence();
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(owner))));
        if (!MerkleProof.verifyCalldata(participation, proof.anchor.participants, leaf)) revert NoEvidence();
        _slash(agreement, _known(agreement).coordinator, "revoked owner");
    }

    /// A quorum of the other parties found that somebody's proof or record does not hold.
    function slashRejected(bytes32 agreement, Rejection calldata what, Approval[] calldata approvals)
        external
        nonReentrant
    {
        bytes32 said = keccak256(abi.encode(REJECTION, agreement, what.subject, what.round, what.evidence));
        _checkApprovals(agreement, said, approvals, what.subject);
        _slash(agreement, what.subject, "rejected");
    }

    function _checkCheckpoint(bytes32 agreement, Checkpoint calldata shown, bytes calldata signature) private view {
        bytes32 said = keccak256(
            abi.encode(CHECKPOINT, agreement, shown.round, shown.version, shown.size, shown.root)
        );
        _checkSignature(_known(agreement).coordinator, said, signature);
    }

    function _slash(bytes32 agreement, address who, string memory why) private {
        if (block.timestamp >= stakesUntil(agreement)) revert TooLate();
        Member storage subject = _members[agreement][who];
        uint128 amount = subject.stake;
        if (amount == 0) revert NothingAtStake();
        subject.stake = 0;
        uint128 bounty = uint128(uint256(amount) * BOUNTY / BASIS_POINTS);
        Account storage account = _accounts[agreement];
        _divide(agreement, account, subject, amount - bounty);
        emit Slashed(agreement, who, why, amount, msg.sender);
        if (bounty > 0) IERC20(account.token).safeTransfer(msg.sender, bounty);
    }

    /// Divides a stake among all but the subject. If nobody else has a share, it is nobody's.
    function _divide(bytes32 agreement, Account storage account, Member storage subject, uint128 amount) private {
        uint256 points = _shareSum[agreement] - subject.basisPoints;
        if (points == 0) return;
        uint256 perPoint = amount * STAKE_SCALE / points;
        account.compensation += amount;
        account.compensationPerPoint += perPoint;
        // Exactly what this share would get of it, in the same rounded units.
        // slither-disable-next-line divide-before-multiply
        subject.unshared += subject.basisPoints * perPoint;
    }
}
