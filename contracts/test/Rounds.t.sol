// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Membership} from "../src/Membership.sol";
import {Rounds} from "../src/Rounds.sol";
import {Anchor} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract RoundsTest is Base {
    function test_anchors_follow_one_another_to_the_last() public {
        joinAll(id);
        anchor(id, 10);
        same(agreements.live(id).rounds, 10, "rounds");
        same(agreements.live(id).epsilon, 500_000, "epsilon");
        _refused(nextAnchor(id), abi.encodeWithSelector(Rounds.WrongRound.selector, 11));
    }

    function test_only_the_coordinator_anchors() public {
        joinAll(id);
        Anchor memory made = nextAnchor(id);
        vm.expectRevert(Rounds.NotCoordinator.selector);
        agreements.anchor(id, made);
        vm.prank(who(DEMANDER_));
        vm.expectRevert(Rounds.NotCoordinator.selector);
        agreements.anchor(id, made);
    }

    function test_nothing_is_anchored_before_everybody_joined() public {
        for (uint256 i; i + 1 < PARTIES; ++i) join(id, i);
        join(id, COORDINATOR_);
        anchor(id, 1);
        bytes32 second = agreements.open(_terms(2));
        for (uint256 i; i < PARTIES; ++i) if (i != DEMANDER_) join(second, i);
        Anchor memory made = nextAnchor(second);
        vm.prank(who(COORDINATOR_));
        vm.expectRevert(Rounds.NotAllJoined.selector);
        agreements.anchor(second, made);
    }

    function test_rounds_come_in_order_and_once() public {
        joinAll(id);
        anchor(id, 1);
        Anchor memory made = nextAnchor(id);
        made.round = 1;
        _refused(made, abi.encodeWithSelector(Rounds.WrongRound.selector, 2));
        made.round = 3;
        _refused(made, abi.encodeWithSelector(Rounds.WrongRound.selector, 2));
    }

    function test_the_budget_holds_and_epsilon_never_shrinks() public {
        joinAll(id);
        Anchor memory made = nextAnchor(id);
        made.epsilon = 1_000_001;
        _refused(made, abi.encodeWithSelector(Rounds.BudgetExceeded.selector, 1_000_000));
        made.epsilon = 1_000_000;
        vm.prank(who(COORDINATOR_));
        agreements.anchor(id, made);
        made = nextAnchor(id);
        made.epsilon = 999_999;
        _refused(made, abi.encodeWithSelector(Rounds.BudgetExceeded.selector, 1_000_000));
    }

    function test_a_coordinator_that_does_not_know_of_a_revocation_is_refused() public {
        joinAll(id);
        Anchor memory made = nextAnchor(id);
        revoke(id, 0);
        _refused(made, abi.encodeWithSelector(Rounds.WrongVersion.selector, PARTIES + 1));
        anchor(id, 1);
        revoke(id, 1);
        _refused(nextAnchor(id), abi.encodePacked(Rounds.TooFewOwners.selector));
    }

    function test_time_does_not_run_backwards() public {
        joinAll(id);
        vm.warp(START + 100);
        anchor(id, 1);
        Anchor memory made = nextAnchor(id);
        made.opened = uint40(START + 99);
        _refused(made, abi.encodePacked(Rounds.WrongTime.selector));
        made.opened = uint40(START + 101);
        _refused(made, abi.encodePacked(Rounds.WrongTime.selector));
    }

    function test_nothing_is_anchored_after_the_expiry_or_the_end() public {
        joinAll(id);
        anchor(id, 2);
        Anchor memory made = nextAnchor(id);
        vm.warp(START + 30 days);
        _refused(made, abi.encodePacked(Membership.Expired.selector));
        vm.warp(START + 1);
        release(id, true);
        _refused(made, abi.encodePacked(Membership.Closed.selector));
    }

    function test_an_anchor_costs_the_same_for_ever() public {
        joinAll(id);
        anchor(id, 1);
        uint256 second = _cost();
        uint256 third = _cost();
        check(second < 24_000, "what comes on top of 21,000 for the transaction and its data");
        check(third <= second + 50, "flat");
    }

    function _cost() private returns (uint256) {
        Anchor memory made = nextAnchor(id);
        bytes memory data = abi.encodeCall(agreements.anchor, (id, made));
        address contract_ = address(agreements);
        vm.prank(who(COORDINATOR_));
        uint256 before = gasleft();
        (bool done,) = contract_.call(data);
        uint256 used = before - gasleft();
        check(done, "anchored");
        return used;
    }

    function _refused(Anchor memory made, bytes memory reason) private {
        vm.prank(who(COORDINATOR_));
        vm.expectRevert(reason);
        agreements.anchor(id, made);
    }
}
