// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Settlement} from "../src/Settlement.sol";
import {MODEL_UNITS, Payout, Release, Terms} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// A part of the price that is divided by scores: a fifth of everything here.
contract PoolTest is Base {
    function setUp() public override {
        super.setUp();
        Terms memory terms = _terms(3);
        terms.pool = 1_500;
        terms.price = 100_000;
        terms.maxRounds = 10;
        terms.partyCount = uint32(PARTIES) - 1;
        id = agreements.open(terms);
        // All but the developer: 8,500 basis points by agreement, 1,500 by scores.
        for (uint256 i; i < PARTIES; ++i) if (i != DEVELOPER_) join(id, i);
        anchor(id, 10);
    }

    function test_scores_divide_the_pool() public {
        Payout[] memory table = _table(9_000, 6_000, MODEL_UNITS * 9 / 100, MODEL_UNITS * 6 / 100);
        _release(table, true);
        for (uint256 i; i < 2; ++i) {
            agreements.claimPool(id, table[i], _proof(table, i));
            same(money.balanceOf(who(i)), table[i].amount, "by score");
            same(sharesOf(id).balanceOf(who(i)), table[i].units, "units by score");
            vm.expectRevert(Settlement.NothingDue.selector);
            agreements.claimPool(id, table[i], _proof(table, i));
        }
        agreements.claim(id, who(0));
        same(money.balanceOf(who(0)), 29_000, "and the agreed share");
    }

    function test_a_table_that_gives_more_than_the_pool_is_stopped() public {
        Payout[] memory table = _table(9_000, 6_001, 0, 0);
        _release(table, true);
        agreements.claimPool(id, table[0], _proof(table, 0));
        bytes32[] memory proof = _proof(table, 1);
        vm.expectRevert(Settlement.ExceedsReleased.selector);
        agreements.claimPool(id, table[1], proof);
    }

    function test_a_table_that_gives_more_units_than_the_pool_is_stopped() public {
        Payout[] memory table = _table(1, 1, MODEL_UNITS * 15 / 100, 1);
        _release(table, true);
        agreements.claimPool(id, table[0], _proof(table, 0));
        bytes32[] memory proof = _proof(table, 1);
        vm.expectRevert(Settlement.ExceedsReleased.selector);
        agreements.claimPool(id, table[1], proof);
    }

    function test_a_later_table_pays_the_difference_and_never_less() public {
        Payout[] memory early = _table(1_000, 2_000, 0, 0);
        Release memory what = _signed(early, false);
        agreements.release(id, what, approvalsOf(releaseHash(id, what), _judges()));
        agreements.claimPool(id, early[0], _proof(early, 0));
        agreements.claimPool(id, early[1], _proof(early, 1));
        Payout[] memory late = _table(5_000, 1_999, 0, 0);
        _release(late, true);
        agreements.claimPool(id, late[0], _proof(late, 0));
        same(money.balanceOf(who(0)), 5_000, "the difference");
        bytes32[] memory proof = _proof(late, 1);
        vm.expectRevert(Settlement.BadPayout.selector);
        agreements.claimPool(id, late[1], proof);
    }

    function test_what_is_not_in_the_table_is_refused() public {
        Payout[] memory table = _table(9_000, 6_000, 0, 0);
        _release(table, true);
        bytes32[] memory proof = _proof(table, 0);
        table[0].amount += 1;
        vm.expectRevert(Settlement.BadPayout.selector);
        agreements.claimPool(id, table[0], proof);
        table[0].amount -= 1;
        table[0].units += 1;
        vm.expectRevert(Settlement.BadPayout.selector);
        agreements.claimPool(id, table[0], proof);
        table[0].units -= 1;
        table[0].account = who(2);
        vm.expectRevert(Settlement.BadPayout.selector);
        agreements.claimPool(id, table[0], proof);
    }

    function _table(uint128 a, uint128 b, uint256 unitsA, uint256 unitsB)
        private
        pure
        returns (Payout[] memory table)
    {
        table = new Payout[](2);
        table[0] = Payout(who(0), a, uint128(unitsA));
        table[1] = Payout(who(1), b, uint128(unitsB));
    }

    function _leaves(Payout[] memory table) private pure returns (bytes32[] memory made) {
        made = new bytes32[](table.length);
        for (uint256 i; i < table.length; ++i) {
            made[i] = leafHash(abi.encode(table[i].account, table[i].amount, table[i].units));
        }
    }

    function _proof(Payout[] memory table, uint256 place) private pure returns (bytes32[] memory) {
        return proofOf(_leaves(table), place);
    }

    function _signed(Payout[] memory table, bool last) private pure returns (Release memory) {
        return Release(10, rootOf(_leaves(table)), last ? keccak256("model") : bytes32(0), last);
    }

    function _judges() private pure returns (uint256[] memory) {
        uint256[] memory judges = new uint256[](4);
        (judges[0], judges[1], judges[2], judges[3]) = (0, 1, 2, AUDITOR_);
        return judges;
    }

    function _release(Payout[] memory table, bool last) private {
        Release memory what = _signed(table, last);
        agreements.release(id, what, approvalsOf(releaseHash(id, what), _judges()));
    }
}
