// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ModelShares} from "./ModelShares.sol";
import {Quorum} from "./Quorum.sol";
import {
    Account,
    Approval,
    BASIS_POINTS,
    Live,
    MODEL_UNITS,
    Member,
    Payout,
    Release,
    STAKE_SCALE,
    Terms
} from "./Types.sol";

/// Who is paid: release by the quorum, claims by agreed shares and by scores, refunds, stakes.
///
/// The amounts are not the quorum's to choose: a release pays `price * rounds / maxRounds` for the anchored rounds.
/// An owner that revoked is paid for the rounds before; what it would have had of later ones goes back.
abstract contract Settlement is Quorum {
    using SafeERC20 for IERC20;

    bytes32 private constant RELEASE =
        keccak256("Release(bytes32 agreement,uint32 rounds,bytes32 payouts,bytes32 model,bool last)");

    /// The code behind every model's share token.
    address public immutable MODEL_CODE;

    event Released(bytes32 indexed agreement, uint32 rounds, bytes32 payouts, bool last);
    event ModelReleased(bytes32 indexed agreement, bytes32 indexed model, address shares);
    event Claimed(bytes32 indexed agreement, address indexed account, uint256 amount, uint256 units);
    event Refunded(bytes32 indexed agreement, address indexed demander, uint256 amount);
    event StakeReturned(bytes32 indexed agreement, address indexed account, uint256 amount);

    error NothingNew();
    error NotOver();
    error NothingDue();
    error BadPayout();
    error ExceedsReleased();

    constructor(address modelCode) {
        MODEL_CODE = modelCode;
    }

    // Release.

    /// Pays for all anchored rounds, by the signatures of a quorum that found them in order. The last release also
    /// closes the agreement and, if a model came out, makes its share token.
    function release(bytes32 agreement, Release calldata what, Approval[] calldata approvals) external nonReentrant {
        Live storage current = _known(agreement);
        if (current.closed) revert Closed();
        Account storage account = _accounts[agreement];
        if (what.rounds != current.rounds) revert WrongRound(current.rounds);
        if (!what.last && (what.rounds == account.releasedRounds || what.model != 0)) revert NothingNew();
        bytes32 said = keccak256(
            abi.encode(RELEASE, agreement, what.rounds, what.payouts, what.model, what.last)
        );
        _checkApprovals(agreement, said, approvals, address(0));
        account.releasedRounds = what.rounds;
        account.payouts = what.payouts;
        _countLeavers(account);
        emit Released(agreement, what.rounds, what.payouts, what.last);
        if (what.last) _close(agreement, what.model);
    }

    function _close(bytes32 agreement, bytes32 model) private {
        Account storage account = _accounts[agreement];
        _live[agreement].closed = true;
        uint64 expiry = _live[agreement].expiry;
        account.closedAt = block.timestamp < expiry ? uint64(block.timestamp) : expiry;
        if (model == 0 || account.releasedRounds == 0) return;
        uint256 unitsInAll = _unitsInAll(account);
        if (unitsInAll == 0) return;
        ModelShares made = ModelShares(Clones.cloneDeterministic(MODEL_CODE, agreement));
        account.model = model;
        account.shares = address(made);
        modelAgreement[address(made)] = agreement;
        Terms storage terms = _terms[agreement];
        made.initialize(
            agreement, model, IERC20(account.token), unitsInAll, terms.freeTransfer, terms.parents
        );
        emit ModelReleased(agreement, model, address(made));
    }

    /// Who revoked before this release: these rounds are no more than what is released now.
    function _countLeavers(Account storage account) private {
        account.leaverShares += account.freshShares;
        account.leaverPoints += account.freshPoints;
        account.freshShares = 0;
        account.freshPoints = 0;
    }

    /// Units of the model's shares: less than 1.0 by what owners that revoked forfeited.
    function _unitsInAll(Account storage account) private view returns (uint256) {
        uint256 lost = MODEL_UNITS * _lapsed(account) / (BASIS_POINTS * account.releasedRounds);
        return MODEL_UNITS - lost;
    }

    /// Basis points times rounds that were released but belong to owners that had revoked.
    function _lapsed(Account storage account) private view returns (uint256) {
        return uint256(account.leaverShares) * account.releasedRounds - account.leaverPoints;
    }

    // Amounts.

    /// What was released so far, compensation left aside.
    function released(bytes32 agreement) public view returns (uint256) {
        Account storage account = _accounts[agreement];
        return uint256(account.price) * account.releasedRounds / _roundsOf(agreement);
    }

    /// What an account may have claimed in all by its agreed share.
    function entitled(bytes32 agreement, address who) public view returns (uint256) {
        Account storage account = _accounts[agreement];
        Member storage claimant = _members[agreement][who];
        uint256 points = uint256(claimant.basisPoints) * _countedRounds(account, claimant);
        uint256 pay = uint256(account.price) * points / (BASIS_POINTS * _roundsOf(agreement));
        return pay + (claimant.basisPoints * account.compensationPerPoint - claimant.unshared) / STAKE_SCALE;
    }

    function _countedRounds(Account storage account, Member storage claimant) private view returns (uint256) {
        return claimant.rounds < account.releasedRounds ? claimant.rounds : account.releasedRounds;
    }

    function _roundsOf(bytes32 agreement) private view returns (uint256) {
        return _known(agreement).maxRounds;
    }

    // Claims.

    /// Pays an account its agreed share of what was released, and mints its units of the model. Anybody may ask.
    function claim(bytes32 agreement, address who) external nonReentrant {
        Account storage account = _accounts[agreement];
        Member storage claimant = _members[agreement][who];
        uint256 amount = entitled(agreement, who) - claimant.claimed;
        claimant.claimed += uint128(amount);
        uint256 units;
        if (account.shares != address(0) && !claimant.minted) {
            claimant.minted = true;
            uint256 points = uint256(claimant.basisPoints) * _countedRounds(account, claimant);
            units = MODEL_UNITS * points / (BASIS_POINTS * account.releasedRounds);
        }
        _pay(agreement, who, amount, units);
    }

    /// Pays an account what the scores gave it out of the pool.
    function claimPool(bytes32 agreement, Payout calldata payout, bytes32[] calldata proof) external nonReentrant {
        Account storage account = _accounts[agreement];
        Member storage claimant = _members[agreement][payout.account];
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(payout.account, payout.amount, payout.units))));
        if (!MerkleProof.verifyCalldata(proof, account.payouts, leaf)) revert BadPayout();
        if (payout.amount < claimant.poolClaimed) revert BadPayout();
        uint128 amount = payout.amount - claimant.poolClaimed;
        claimant.poolClaimed = payout.amount;
        account.poolClaimed += amount;
        uint256 pool = _live[agreement].pool;
        uint256 compensation = pool * account.compensationPerPoint / STAKE_SCALE;
        if (account.poolClaimed > released(agreement) * pool / BASIS_POINTS + compensation) revert ExceedsReleased();
        uint256 units;
        if (account.shares != address(0) && !claimant.poolMinted) {
            claimant.poolMinted = true;
            units = payout.units;
            account.poolUnits += payout.units;
            if (account.poolUnits > MODEL_UNITS * pool / BASIS_POINTS) revert ExceedsReleased();
        }
        _pay(agreement, payout.account, amount, units);
    }

    function _pay(bytes32 agreement, address who, uint256 amount, uint256 units) private {
        if (amount == 0 && units == 0) revert NothingDue();
        Account storage account = _accounts[agreement];
        account.claimed += uint128(amount);
        if (account.claimed + _forfeited(agreement) > released(agreement) + account.compensation) {
            revert ExceedsReleased();
        }
        emit Claimed(agreement, who, amount, units);
        if (units > 0) ModelShares(account.shares).mint(who, units);
        if (amount > 0) IERC20(account.token).safeTransfer(who, amount);
    }

    /// Released money that belongs to nobody any more, because its owner had revoked: it goes back.
    function _forfeited(bytes32 agreement) private view returns (uint256) {
        Account storage account = _accounts[agreement];
        return uint256(account.price) * _lapsed(account) / (BASIS_POINTS * _roundsOf(agreement));
    }

    // The end.

    /// Gives the demander back what was not earned: after the last release, or when the time for one has passed.
    function refund(bytes32 agreement) external nonReentrant {
        Live storage current = _known(agreement);
        Account storage account = _accounts[agreement];
        if (!current.closed) {
            if (block.timestamp < uint256(current.expiry) + current.challenge) revert NotOver();
            current.closed = true;
            account.closedAt = current.expiry;
        }
        uint256 due = account.funded - released(agreement) + _forfeited(agreement) - account.refunded;
        if (due == 0) revert NothingDue();
        account.refunded += uint128(due);
        emit Refunded(agreement, account.demander, due);
        IERC20(account.token).safeTransfer(account.demander, due);
    }

    /// Returns a stake when the time for evidence has passed.
    function returnStake(bytes32 agreement, address who) external nonReentrant {
        if (block.timestamp < stakesUntil(agreement)) revert NotOver();
        Member storage staker = _members[agreement][who];
        uint128 amount = staker.stake;
        if (amount == 0) revert NothingDue();
        staker.stake = 0;
        emit StakeReturned(agreement, who, amount);
        IERC20(_accounts[agreement].token).safeTransfer(who, amount);
    }

    /// Until when stakes stay and evidence counts: `challenge` after the end, which is no later than the expiry.
    function stakesUntil(bytes32 agreement) public view returns (uint256) {
        Live storage current = _known(agreement);
        uint256 end = current.closed ? _accounts[agreement].closedAt : current.expiry;
        return end + current.challenge;
    }
}
