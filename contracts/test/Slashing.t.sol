// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Agreements} from "../src/Agreements.sol";
import {Membership} from "../src/Membership.sol";
import {Quorum} from "../src/Quorum.sol";
import {Rounds} from "../src/Rounds.sol";
import {Anchor, AnchorProof, Approval, Checkpoint, Rejection, Release, Terms} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract SlashingTest is Base {
    address private constant REPORTER = address(0xBEEF);

    function setUp() public override {
        super.setUp();
        joinAll(id);
    }

    function test_a_split_view_costs_the_stake() public {
        (Checkpoint memory one, Checkpoint memory other) = (Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b"));
        (bytes memory first_, bytes memory second) = (_shown(one), _shown(other));
        vm.prank(REPORTER);
        agreements.slashSplit(id, one, first_, other, second);
        same(money.balanceOf(REPORTER), 300, "a tenth for the reporter");
        same(agreements.accountOf(id).compensation, 2_700, "the rest for the parties");
        vm.expectRevert(Agreements.NothingAtStake.selector);
        agreements.slashSplit(id, one, first_, other, second);
        anchor(id, 10);
        release(id, true);
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 2_000 + 720, "its share of both: 2,000 of the others' 7,500");
        agreements.claim(id, who(COORDINATOR_));
        same(money.balanceOf(who(COORDINATOR_)), 2_500, "and nothing of its own stake for the coordinator");
        vm.expectRevert(Agreements.NothingAtStake.selector);
        agreements.slashSplit(id, one, first_, other, second);
    }

    function test_two_ledgers_of_different_sizes_for_one_round_are_a_split_view() public {
        (Checkpoint memory one, Checkpoint memory other) = (Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 8, "a"));
        agreements.slashSplit(id, one, _shown(one), other, _shown(other));
        same(agreements.member(id, who(COORDINATOR_)).stake, 0, "gone");
    }

    function test_what_is_no_split_view_costs_nothing() public {
        Checkpoint memory one = Checkpoint(1, 7, 7, "a");
        Checkpoint[3] memory others = [one, Checkpoint(2, 7, 7, "b"), Checkpoint(1, 8, 7, "b")];
        for (uint256 i; i < 3; ++i) {
            (bytes memory first_, bytes memory second) = (_shown(one), _shown(others[i]));
            _noEvidence();
            agreements.slashSplit(id, one, first_, others[i], second);
        }
        Checkpoint memory other = Checkpoint(1, 7, 7, "b");
        (bytes memory own, bytes memory forged) = (_shown(one), signedBy(0, _checkpointHash(id, other)));
        vm.expectRevert(Membership.BadSignature.selector);
        agreements.slashSplit(id, one, own, other, forged);
        bytes memory elsewhere = signedBy(COORDINATOR_, _checkpointHash(keccak256("another agreement"), other));
        vm.expectRevert(Membership.BadSignature.selector);
        agreements.slashSplit(id, one, own, other, elsewhere);
    }

    function test_an_anchor_that_is_not_what_was_shown_costs_the_stake() public {
        (AnchorProof memory proof, Anchor memory made) = _anchored(4, 1);
        Checkpoint memory shown = Checkpoint(made.round, made.version, made.size, "another ledger");
        bytes memory signature = _shown(shown);
        agreements.slashFalseAnchor(id, shown, signature, proof);
        same(agreements.member(id, who(COORDINATOR_)).stake, 0, "gone");
    }

    function test_what_is_no_false_anchor_costs_nothing() public {
        (AnchorProof memory proof, Anchor memory made) = _anchored(4, 1);
        Checkpoint memory shown = Checkpoint(made.round, made.version, made.size, made.root);
        bytes memory signature = _shown(shown);
        _noEvidence();
        agreements.slashFalseAnchor(id, shown, signature, proof);
        shown = Checkpoint(made.round + 1, made.version, made.size, "another ledger");
        signature = _shown(shown);
        _noEvidence();
        agreements.slashFalseAnchor(id, shown, signature, proof);
        shown = Checkpoint(made.round, made.version + 1, made.size, "another ledger");
        signature = _shown(shown);
        _noEvidence();
        agreements.slashFalseAnchor(id, shown, signature, proof);
        shown.version = made.version;
        signature = _shown(shown);
        proof.anchor.root = "made up";
        vm.expectRevert(Rounds.NotAnchored.selector);
        agreements.slashFalseAnchor(id, shown, signature, proof);
    }

    function test_a_round_with_a_revoked_owner_costs_the_stake() public {
        anchor(id, 1);
        revoke(id, 2);
        vm.warp(block.timestamp + 1);
        (AnchorProof memory proof,) = _anchored(3, 0);
        bytes32[] memory participation = proofOf(participants(), 2);
        agreements.slashRevoked(id, who(2), proof, participation);
        same(agreements.member(id, who(COORDINATOR_)).stake, 0, "gone");
    }

    function test_an_earlier_time_of_opening_hides_no_more_than_the_round_under_way() public {
        anchor(id, 1);
        revoke(id, 2);
        uint40 stated = uint40(block.timestamp);
        vm.warp(block.timestamp + 1 days);
        Anchor[2] memory made;
        bytes32[2] memory before;
        for (uint256 i; i < 2; ++i) {
            made[i] = nextAnchor(id);
            made[i].opened = stated;
            before[i] = agreements.live(id).head;
            vm.prank(who(COORDINATOR_));
            agreements.anchor(id, made[i]);
        }
        bytes32[] memory later = new bytes32[](1);
        later[0] = keccak256(abi.encode(made[1]));
        bytes32[] memory participation = proofOf(participants(), 2);
        _noEvidence();
        agreements.slashRevoked(id, who(2), AnchorProof(made[0], before[0], later), participation);
        agreements.slashRevoked(id, who(2), AnchorProof(made[1], before[1], new bytes32[](0)), participation);
        same(agreements.member(id, who(COORDINATOR_)).stake, 0, "gone");
    }

    function test_of_two_slashed_each_has_a_part_of_the_other_only() public {
        _reject(1);
        (Checkpoint memory one, Checkpoint memory other) = (Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b"));
        agreements.slashSplit(id, one, _shown(one), other, _shown(other));
        // 450 over 8,000 and 2,700 over 7,500.
        same(agreements.entitled(id, who(1)), 720, "an owner of the coordinator's");
        same(agreements.entitled(id, who(COORDINATOR_)), 140, "the coordinator of an owner's");
        same(agreements.entitled(id, who(0)), 112 + 720, "the others of both");
    }

    function test_who_joins_later_has_no_part_of_an_earlier_stake() public {
        bytes32 second = agreements.open(_terms(2));
        for (uint256 i = 1; i < PARTIES; ++i) join(second, i);
        Checkpoint[2] memory views = [Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b")];
        bytes[2] memory signatures;
        for (uint256 i; i < 2; ++i) signatures[i] = signedBy(COORDINATOR_, _checkpointHash(second, views[i]));
        agreements.slashSplit(second, views[0], signatures[0], views[1], signatures[1]);
        join(second, 0);
        same(agreements.entitled(second, who(0)), 0, "joined later");
        same(agreements.entitled(second, who(1)), 981, "was there: 2,000 of the others' 5,500");
    }

    function test_a_stake_of_the_only_one_with_a_share_is_nobodys() public {
        bytes32 second = agreements.open(_terms(2));
        join(second, COORDINATOR_);
        Checkpoint[2] memory views = [Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b")];
        bytes[2] memory signatures;
        for (uint256 i; i < 2; ++i) signatures[i] = signedBy(COORDINATOR_, _checkpointHash(second, views[i]));
        agreements.slashSplit(second, views[0], signatures[0], views[1], signatures[1]);
        same(agreements.accountOf(second).compensation, 0, "nothing to divide");
        same(agreements.entitled(second, who(COORDINATOR_)), 0, "least of all to the coordinator");
    }

    function test_where_the_quorum_is_everybody_all_others_can_reject() public {
        Terms memory terms = _terms(2);
        terms.quorum = uint32(PARTIES);
        id = agreements.open(terms);
        joinAll(id);
        Rejection memory what = Rejection(who(1), 3, "record");
        uint256[] memory five = new uint256[](5);
        uint256[] memory six = new uint256[](6);
        (six[0], six[1], six[2], six[3], six[4], six[5]) = (0, 2, 3, 4, 5, 6);
        for (uint256 i; i < 5; ++i) five[i] = six[i];
        Approval[] memory few = approvalsOf(_rejectionHash(what), five);
        vm.expectRevert(abi.encodeWithSelector(Quorum.TooFewApprovals.selector, 6));
        agreements.slashRejected(id, what, few);
        agreements.slashRejected(id, what, approvalsOf(_rejectionHash(what), six));
        same(agreements.member(id, who(1)).stake, 0, "gone");
        Release memory whole = Release(0, 0, 0, true);
        few = approvalsOf(releaseHash(id, whole), six);
        vm.expectRevert(abi.encodeWithSelector(Quorum.TooFewApprovals.selector, 7));
        agreements.release(id, whole, few);
    }

    function test_a_late_last_release_does_not_lengthen_the_time_for_evidence() public {
        anchor(id, 10);
        vm.warp(START + 30 days + CHALLENGE - 1);
        release(id, true);
        same(agreements.stakesUntil(id), START + 30 days + CHALLENGE, "from the expiry");
        vm.warp(START + 30 days + CHALLENGE);
        agreements.returnStake(id, who(0));
        same(money.balanceOf(who(0)), STAKE, "free");
    }

    function test_rounds_that_are_in_order_are_no_evidence() public {
        (AnchorProof memory before,) = _anchored(1, 0);
        bytes32[] memory participation = proofOf(participants(), 2);
        _noEvidence();
        agreements.slashRevoked(id, who(2), before, participation);
        revoke(id, 2);
        _noEvidence();
        agreements.slashRevoked(id, who(2), before, participation);
        (AnchorProof memory same_,) = _anchored(1, 0); // opened in the second of the revocation: in doubt, no
        _noEvidence();
        agreements.slashRevoked(id, who(2), same_, participation);
        vm.warp(block.timestamp + 1);
        (AnchorProof memory later,) = _anchored(1, 0);
        bytes32[] memory others = proofOf(participants(), 1);
        _noEvidence();
        agreements.slashRevoked(id, who(2), later, others);
        _noEvidence();
        agreements.slashRevoked(id, who(1), later, others);
    }

    function test_a_quorum_of_others_rejects_a_record() public {
        Rejection memory what = Rejection(who(1), 3, "record");
        uint256[] memory judges = new uint256[](4);
        (judges[0], judges[1], judges[2], judges[3]) = (0, 2, 3, 4);
        Approval[] memory approvals = approvalsOf(_rejectionHash(what), judges);
        vm.prank(REPORTER);
        agreements.slashRejected(id, what, approvals);
        same(agreements.member(id, who(1)).stake, 0, "gone");
        same(money.balanceOf(REPORTER), 50, "a tenth");
        vm.expectRevert(Agreements.NothingAtStake.selector);
        agreements.slashRejected(id, what, approvals);
    }

    function test_nobody_judges_itself_and_each_field_counts() public {
        Rejection memory what = Rejection(who(1), 3, "record");
        Approval[] memory own = approvalsOf(_rejectionHash(what), first(4));
        vm.expectRevert(Membership.NotMember.selector);
        agreements.slashRejected(id, what, own);
        Approval[] memory few = approvalsOf(_rejectionHash(what), first(1));
        vm.expectRevert(abi.encodeWithSelector(Quorum.TooFewApprovals.selector, 4));
        agreements.slashRejected(id, what, few);
        uint256[] memory judges = new uint256[](4);
        (judges[0], judges[1], judges[2], judges[3]) = (3, 4, 5, 6);
        Approval[] memory approvals = approvalsOf(_rejectionHash(what), judges);
        Rejection[3] memory others =
            [Rejection(who(0), 3, "record"), Rejection(who(1), 4, "record"), Rejection(who(1), 3, "other")];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(Membership.BadSignature.selector);
            agreements.slashRejected(id, others[i], approvals);
        }
    }

    function test_evidence_counts_until_the_stakes_are_free() public {
        anchor(id, 10);
        release(id, true);
        (Checkpoint memory one, Checkpoint memory other) = (Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b"));
        (bytes memory first_, bytes memory second) = (_shown(one), _shown(other));
        vm.warp(block.timestamp + CHALLENGE);
        vm.expectRevert(Agreements.TooLate.selector);
        agreements.slashSplit(id, one, first_, other, second);
        vm.warp(block.timestamp - 1);
        agreements.slashSplit(id, one, first_, other, second);
    }

    function test_a_slashed_stake_is_not_returned() public {
        (Checkpoint memory one, Checkpoint memory other) = (Checkpoint(1, 7, 7, "a"), Checkpoint(1, 7, 7, "b"));
        (bytes memory first_, bytes memory second) = (_shown(one), _shown(other));
        agreements.slashSplit(id, one, first_, other, second);
        vm.warp(START + 40 days);
        vm.expectRevert();
        agreements.returnStake(id, who(COORDINATOR_));
    }

    function test_after_rounds_and_rounds_an_early_anchor_can_still_be_shown() public {
        revoke(id, 2);
        vm.warp(block.timestamp + 1);
        (AnchorProof memory proof,) = _anchored(10, 0);
        agreements.slashRevoked(id, who(2), proof, proofOf(participants(), 2));
    }

    /// Anchors `count` rounds; returns the proof of the one at `place` among them.
    function _anchored(uint256 count, uint256 place)
        private
        returns (AnchorProof memory proof, Anchor memory made)
    {
        proof.later = new bytes32[](count - place - 1);
        for (uint256 i; i < count; ++i) {
            Anchor memory next = nextAnchor(id);
            if (i == place) (proof.anchor, proof.before) = (next, agreements.live(id).head);
            if (i > place) proof.later[i - place - 1] = keccak256(abi.encode(next));
            vm.prank(who(COORDINATOR_));
            agreements.anchor(id, next);
        }
        made = proof.anchor;
    }

    function _checkpointHash(bytes32 agreement, Checkpoint memory shown) private pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Checkpoint(bytes32 agreement,uint32 round,uint32 version,uint64 size,bytes32 root)"
        );
        return keccak256(abi.encode(kind, agreement, shown.round, shown.version, shown.size, shown.root));
    }

    function _shown(Checkpoint memory shown) private view returns (bytes memory) {
        return signedBy(COORDINATOR_, _checkpointHash(id, shown));
    }

    function _rejectionHash(Rejection memory what) private view returns (bytes32) {
        bytes32 kind = keccak256("Rejection(bytes32 agreement,address subject,uint32 round,bytes32 evidence)");
        return keccak256(abi.encode(kind, id, what.subject, what.round, what.evidence));
    }

    function _reject(uint256 subject) private {
        Rejection memory what = Rejection(who(subject), 3, "record");
        uint256[] memory judges = new uint256[](4);
        (judges[0], judges[1], judges[2], judges[3]) = (3, 4, 5, 6);
        agreements.slashRejected(id, what, approvalsOf(_rejectionHash(what), judges));
    }

    function _noEvidence() private {
        vm.expectRevert(Agreements.NoEvidence.selector);
    }
}
