// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Membership} from "../src/Membership.sol";
import {Quorum} from "../src/Quorum.sol";
import {Rounds} from "../src/Rounds.sol";
import {Settlement} from "../src/Settlement.sol";
import {Approval, MODEL_UNITS, Release} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract SettlementTest is Base {
    function test_everybody_gets_its_share_and_the_rest_goes_back() public {
        joinAll(id);
        anchor(id, 6);
        release(id, true);
        same(agreements.released(id), 6_000, "released");
        uint256[7] memory expected = [uint256(1_200), 1_200, 1_200, 900, 0, 0, 1_500];
        for (uint256 i; i < PARTIES; ++i) {
            if (expected[i] == 0) {
                vm.expectRevert(Settlement.NothingDue.selector);
                agreements.claim(id, who(i));
                continue;
            }
            agreements.claim(id, who(i));
            same(money.balanceOf(who(i)), expected[i], "paid");
            same(sharesOf(id).balanceOf(who(i)), MODEL_UNITS * leafOf(i).basisPoints / 10_000, "units");
            vm.expectRevert(Settlement.NothingDue.selector);
            agreements.claim(id, who(i));
        }
        agreements.refund(id);
        same(money.balanceOf(who(DEMANDER_)), 4_000, "refund");
        vm.expectRevert(Settlement.NothingDue.selector);
        agreements.refund(id);
        same(money.balanceOf(address(agreements)), 3 * STAKE + BIG_STAKE, "stakes are left");
    }

    function test_an_owner_that_leaves_is_paid_for_its_rounds_and_the_rest_goes_back() public {
        joinAll(id);
        anchor(id, 3);
        revoke(id, 1);
        anchor(id, 7);
        release(id, true);
        agreements.claim(id, who(1));
        same(money.balanceOf(who(1)), 600, "3 of 10 rounds of 2,000");
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 2_000, "the others get no more");
        agreements.refund(id);
        same(money.balanceOf(who(DEMANDER_)), 1_400, "7 of 10 rounds of 2,000");
        same(sharesOf(id).unitsInAll(), MODEL_UNITS * 86 / 100, "units shrink");
        same(sharesOf(id).balanceOf(who(1)), MODEL_UNITS * 6 / 100, "its units");
    }

    function test_leavers_between_two_releases_count_exactly() public {
        joinAll(id);
        anchor(id, 2);
        revoke(id, 0); // counts for 2 rounds
        anchor(id, 2);
        release(id, false); // 4 rounds
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 400, "2 of 10 rounds");
        anchor(id, 1);
        release(id, true); // 5 rounds
        same(agreements.released(id), 5_000, "released");
        agreements.refund(id);
        same(money.balanceOf(who(DEMANDER_)), 5_000 + 600, "unused rounds and 3 rounds of the leaver");
        agreements.claim(id, who(1));
        same(money.balanceOf(who(1)), 1_000, "5 of 10 rounds");
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 400, "no more money for the leaver");
        same(sharesOf(id).balanceOf(who(0)), MODEL_UNITS * 2 * 2_000 / (5 * 10_000), "but its part of the model");
    }

    function test_a_later_release_pays_the_difference() public {
        joinAll(id);
        anchor(id, 4);
        release(id, false);
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 800, "4 rounds");
        vm.expectRevert(Settlement.NothingDue.selector);
        agreements.claim(id, who(0));
        anchor(id, 6);
        release(id, true);
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 2_000, "10 rounds");
    }

    function test_without_release_everything_goes_back_after_the_time_for_evidence() public {
        joinAll(id);
        anchor(id, 5);
        vm.expectRevert(Settlement.NotOver.selector);
        agreements.refund(id);
        vm.warp(START + 30 days + CHALLENGE - 1);
        vm.expectRevert(Settlement.NotOver.selector);
        agreements.refund(id);
        vm.warp(START + 30 days + CHALLENGE);
        agreements.refund(id);
        same(money.balanceOf(who(DEMANDER_)), PRICE, "all of it");
        for (uint256 i; i < 3; ++i) agreements.returnStake(id, who(i));
        agreements.returnStake(id, who(COORDINATOR_));
        same(money.balanceOf(address(agreements)), 0, "nothing is left");
        Release memory what = Release(5, 0, 0, true);
        Approval[] memory approvals = approvalsOf(releaseHash(id, what), first(4));
        vm.expectRevert(Membership.Closed.selector);
        agreements.release(id, what, approvals);
    }

    function test_a_run_without_a_round_gives_all_back() public {
        joinAll(id);
        Release memory what = Release(0, 0, 0, true);
        agreements.release(id, what, approvalsOf(releaseHash(id, what), first(4)));
        agreements.refund(id);
        same(money.balanceOf(who(DEMANDER_)), PRICE, "all of it");
        check(agreements.accountOf(id).shares == address(0), "no model");
    }

    function test_a_release_needs_a_quorum_of_different_members() public {
        joinAll(id);
        anchor(id, 1);
        Release memory what = Release(1, 0, 0, false);
        bytes32 said = releaseHash(id, what);
        Approval[] memory few = approvalsOf(said, first(3));
        vm.expectRevert(abi.encodeWithSelector(Quorum.TooFewApprovals.selector, 4));
        agreements.release(id, what, few);
        Approval[] memory twice = approvalsOf(said, first(4));
        twice[3] = twice[2];
        vm.expectRevert(Quorum.ApprovalsNotSorted.selector);
        agreements.release(id, what, twice);
        Approval[] memory strange = approvalsOf(said, first(4));
        strange[3] = Approval(address(type(uint160).max), "");
        vm.expectRevert(Membership.NotMember.selector);
        agreements.release(id, what, strange);
        Approval[] memory forged = approvalsOf(keccak256("something else"), first(4));
        vm.expectRevert(Membership.BadSignature.selector);
        agreements.release(id, what, forged);
    }

    function test_a_release_is_for_what_is_anchored_now_and_for_once() public {
        joinAll(id);
        anchor(id, 2);
        Release memory what = Release(1, 0, 0, false);
        Approval[] memory approvals = approvalsOf(releaseHash(id, what), first(4));
        vm.expectRevert(abi.encodeWithSelector(Rounds.WrongRound.selector, 2));
        agreements.release(id, what, approvals);
        release(id, false);
        what = Release(2, 0, 0, false);
        approvals = approvalsOf(releaseHash(id, what), first(4));
        vm.expectRevert(Settlement.NothingNew.selector);
        agreements.release(id, what, approvals);
        anchor(id, 1);
        what = Release(3, 0, keccak256("model"), false);
        approvals = approvalsOf(releaseHash(id, what), first(4));
        vm.expectRevert(Settlement.NothingNew.selector);
        agreements.release(id, what, approvals);
    }

    function test_each_signed_field_of_a_release_counts() public {
        joinAll(id);
        anchor(id, 3);
        Release memory signed = Release(3, keccak256("payouts"), keccak256("model"), true);
        Approval[] memory approvals = approvalsOf(releaseHash(id, signed), first(4));
        Release[2] memory others =
            [Release(3, keccak256("others"), keccak256("model"), true), Release(3, keccak256("payouts"), 0, true)];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(Membership.BadSignature.selector);
            agreements.release(id, others[i], approvals);
        }
        bytes32 second = agreements.open(_terms(2));
        joinAll(second);
        anchor(second, 3);
        vm.expectRevert(Membership.BadSignature.selector);
        agreements.release(second, signed, approvals);
        agreements.release(id, signed, approvals);
        vm.expectRevert(Membership.Closed.selector);
        agreements.release(id, signed, approvals);
    }

    function test_stakes_stay_until_the_time_for_evidence_is_over() public {
        joinAll(id);
        anchor(id, 10);
        release(id, true);
        vm.warp(block.timestamp + CHALLENGE - 1);
        vm.expectRevert(Settlement.NotOver.selector);
        agreements.returnStake(id, who(0));
        vm.warp(block.timestamp + 1);
        agreements.returnStake(id, who(0));
        same(money.balanceOf(who(0)), STAKE, "its stake");
        vm.expectRevert(Settlement.NothingDue.selector);
        agreements.returnStake(id, who(0));
    }

    function test_one_agreement_cannot_pay_from_another() public {
        bytes32 second = agreements.open(_terms(2));
        joinAll(id);
        joinAll(second);
        anchor(id, 10);
        release(id, true);
        for (uint256 i; i < PARTIES; ++i) {
            if (leafOf(i).basisPoints > 0) agreements.claim(id, who(i));
        }
        vm.warp(block.timestamp + CHALLENGE);
        for (uint256 i; i < 3; ++i) agreements.returnStake(id, who(i));
        agreements.returnStake(id, who(COORDINATOR_));
        same(money.balanceOf(address(agreements)), PRICE + 3 * STAKE + BIG_STAKE, "the second one's money");
    }

    function test_unknown_agreements_are_told_apart() public {
        vm.expectRevert(Membership.UnknownAgreement.selector);
        agreements.released(keccak256("none"));
        vm.expectRevert(Membership.UnknownAgreement.selector);
        agreements.refund(keccak256("none"));
    }
}
