// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {Membership} from "../src/Membership.sol";
import {ModelShares} from "../src/ModelShares.sol";
import {MODEL_UNITS, Parent, Terms} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {CallingToken, FeeToken} from "./Strangers.sol";
import {vm} from "./Vm.sol";

contract ModelSharesTest is Base {
    uint256 private constant BUYER = 40;
    ModelShares private shares;

    function setUp() public override {
        super.setUp();
        shares = _modelOf(id);
    }

    // Payments and royalties.

    function test_payments_accrue_on_every_unit_also_before_it_is_claimed() public {
        _pay(shares, 10_000);
        same(shares.owed(who(0)), 0, "nothing is claimed yet");
        agreements.claim(id, who(0));
        same(shares.owed(who(0)), 2_000, "since the start");
        _pay(shares, 1_000);
        same(shares.owed(who(0)), 2_200, "and on");
        uint256 before = money.balanceOf(who(0));
        shares.claim(who(0));
        same(money.balanceOf(who(0)) - before, 2_200, "paid");
        vm.expectRevert(ModelShares.NothingDue.selector);
        shares.claim(who(0));
        agreements.claim(id, who(1));
        same(shares.owed(who(1)), 2_200, "the same for who claims late");
    }

    function test_royalties_stay_with_who_held_the_units() public {
        agreements.claim(id, who(0));
        _pay(shares, 10_000);
        uint256 half = shares.balanceOf(who(0)) / 2;
        vm.prank(who(0));
        shares.transfer(who(1), half);
        same(shares.owed(who(0)), 2_000, "earned before");
        same(shares.owed(who(1)), 0, "nothing yet");
        _pay(shares, 10_000);
        same(shares.owed(who(0)), 3_000, "half since");
        same(shares.owed(who(1)), 1_000, "half since");
        vm.prank(who(0));
        shares.transfer(who(0), half);
        same(shares.owed(who(0)), 3_000, "to oneself changes nothing");
    }

    function test_only_members_hold_shares_unless_the_agreement_allows_more() public {
        agreements.claim(id, who(0));
        vm.prank(who(0));
        vm.expectRevert(ModelShares.NotAllowedToHold.selector);
        shares.transfer(who(BUYER), 1);
        Terms memory terms = _terms(2);
        terms.freeTransfer = true;
        bytes32 second = agreements.open(terms);
        ModelShares free = _modelOf(second);
        agreements.claim(second, who(0));
        vm.prank(who(0));
        free.transfer(who(BUYER), 1);
        same(free.balanceOf(who(BUYER)), 1, "held");
    }

    function test_money_that_just_comes_is_divided_too() public {
        vm.expectRevert(ModelShares.NothingNew.selector);
        shares.absorb();
        money.issue(address(shares), 10_000);
        shares.absorb();
        agreements.claim(id, who(0));
        same(shares.owed(who(0)), 2_000, "its part");
        vm.expectRevert(ModelShares.NothingNew.selector);
        shares.absorb();
    }

    function test_marketplaces_are_told_whom_to_pay() public view {
        (address receiver, uint256 amount) = shares.royaltyInfo(0, 10_000);
        check(receiver == address(shares) && amount == 500, "five percent to the holders");
        check(shares.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        check(shares.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        check(!shares.supportsInterface(0xffffffff), "and nothing else");
    }

    // Derived models.

    function test_derived_models_pay_their_parents_over_two_generations() public {
        ModelShares child = _derived(10, shares, 2_000);
        ModelShares grandchild = _derived(11, child, 5_000);
        _pay(grandchild, 10_000);
        vm.expectRevert(ModelShares.NothingDue.selector);
        child.payParents();
        grandchild.payParents();
        vm.expectRevert(ModelShares.NothingDue.selector);
        grandchild.payParents();
        child.payParents();
        agreements.claim(id, who(0));
        agreements.claim(child.agreement(), who(0));
        agreements.claim(grandchild.agreement(), who(0));
        same(grandchild.owed(who(0)), 1_000, "a fifth of 5,000");
        same(child.owed(who(0)), 800, "a fifth of 4,000");
        same(shares.owed(who(0)), 200, "a fifth of 1,000");
    }

    function test_two_parents_share_by_their_parts() public {
        Terms memory terms = _terms(12);
        ModelShares other = _derived(13, shares, 100);
        terms.parents = new Parent[](2);
        (terms.parents[0], terms.parents[1]) = (Parent(address(shares), 1_000), Parent(address(other), 3_000));
        ModelShares child = _modelOf(agreements.open(terms));
        for (uint256 i; i < 3; ++i) {
            _pay(child, 1_001);
            child.payParents();
        }
        same(money.balanceOf(address(shares)) + money.balanceOf(address(other)), 1_200, "four tenths, rounded down");
    }

    function test_a_parent_that_gets_nothing_is_no_parent() public {
        Terms memory terms = _terms(12);
        terms.parents = new Parent[](1);
        terms.parents[0] = Parent(address(shares), 0);
        vm.expectRevert(abi.encodeWithSelector(Membership.BadTerms.selector, "parents"));
        agreements.open(terms);
        vm.expectRevert(ModelShares.NothingDue.selector);
        shares.payParents();
    }

    // Vouchers.

    function test_a_voucher_pays_what_is_new_in_it_and_once() public {
        _deposit(1_000);
        _redeem(shares, 300, 30);
        same(shares.deposits(who(BUYER)), 700, "taken");
        bytes memory signature = _voucher(shares, BUYER, 300, 30);
        vm.expectRevert(ModelShares.NothingNew.selector);
        shares.redeem(who(BUYER), 300, 30, 0, signature);
        signature = _voucher(shares, BUYER, 200, 20);
        vm.expectRevert(ModelShares.NothingNew.selector);
        shares.redeem(who(BUYER), 200, 20, 0, signature);
        _redeem(shares, 450, 45);
        same(shares.deposits(who(BUYER)), 550, "the difference");
        agreements.claim(id, who(0));
        same(shares.owed(who(0)), 90, "a fifth of 450");
    }

    function test_a_voucher_is_of_one_buyer_for_one_model_and_each_field_counts() public {
        _deposit(1_000);
        bytes memory signature = _voucher(shares, BUYER, 300, 30);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(BUYER), 301, 30, 0, signature);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(BUYER), 300, 31, 0, signature);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(BUYER), 300, 30, "receipts", signature);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(0), 300, 30, 0, signature);
        bytes memory forged = _voucher(shares, 0, 300, 30);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(BUYER), 300, 30, 0, forged);
        ModelShares other = _derived(10, shares, 100);
        bytes memory elsewhere = _voucher(other, BUYER, 300, 30);
        vm.expectRevert(ModelShares.BadSignature.selector);
        shares.redeem(who(BUYER), 300, 30, 0, elsewhere);
    }

    function test_a_voucher_above_the_deposit_waits_for_more() public {
        _deposit(100);
        bytes memory signature = _voucher(shares, BUYER, 300, 30);
        vm.expectRevert(ModelShares.DepositTooSmall.selector);
        shares.redeem(who(BUYER), 300, 30, 0, signature);
        _deposit(200);
        shares.redeem(who(BUYER), 300, 30, 0, signature);
        same(shares.deposits(who(BUYER)), 0, "all of it");
    }

    function test_a_deposit_comes_back_after_the_notice_less_what_was_redeemed() public {
        _deposit(1_000);
        vm.prank(who(BUYER));
        vm.expectRevert(ModelShares.NotYet.selector);
        shares.withdraw();
        vm.prank(who(BUYER));
        shares.announceWithdrawal();
        vm.warp(block.timestamp + 7 days - 1);
        vm.prank(who(BUYER));
        vm.expectRevert(ModelShares.NotYet.selector);
        shares.withdraw();
        _redeem(shares, 400, 40);
        vm.warp(block.timestamp + 1);
        vm.prank(who(BUYER));
        shares.withdraw();
        same(money.balanceOf(who(BUYER)), 600, "the rest");
        vm.prank(who(BUYER));
        vm.expectRevert(ModelShares.NotYet.selector);
        shares.withdraw();
        vm.prank(who(BUYER));
        vm.expectRevert(ModelShares.NothingDue.selector);
        shares.announceWithdrawal();
    }

    function test_a_new_deposit_takes_the_announcement_back() public {
        _deposit(10);
        vm.prank(who(BUYER));
        shares.announceWithdrawal();
        vm.warp(block.timestamp + 8 days);
        _deposit(1);
        vm.prank(who(BUYER));
        vm.expectRevert(ModelShares.NotYet.selector);
        shares.withdraw();
    }

    // Who may do what.

    function test_nobody_mints_or_initializes_from_outside() public {
        vm.expectRevert(ModelShares.OnlyAgreements.selector);
        shares.mint(who(0), 1);
        vm.expectRevert(ModelShares.InitializedAlready.selector);
        shares.initialize(id, 0, IERC20(address(money)), 1, true, new Parent[](0));
        ModelShares code = ModelShares(agreements.MODEL_CODE());
        vm.expectRevert(ModelShares.InitializedAlready.selector);
        code.initialize(id, 0, IERC20(address(money)), 1, true, new Parent[](0));
    }

    function test_no_more_units_than_there_are() public {
        vm.prank(address(agreements));
        vm.expectRevert(ModelShares.MoreThanAll.selector);
        shares.mint(who(0), MODEL_UNITS + 1);
    }

    function test_a_token_that_calls_back_gains_nothing() public {
        CallingToken token = new CallingToken();
        Terms memory terms = _terms(20);
        terms.token = address(token);
        (terms.ownerStake, terms.coordinatorStake, terms.price) = (0, 0, 10_000);
        bytes32 second = agreements.open(terms);
        token.give(who(DEMANDER_), 10_000);
        vm.prank(who(DEMANDER_));
        token.approve(address(agreements), 10_000);
        joinAll(second);
        anchor(second, 10);
        release(second, true);
        token.callBack(address(agreements), address(agreements), abi.encodeCall(agreements.claim, (second, who(1))));
        agreements.claim(second, who(0));
        same(token.attempts(), 1, "it was called back");
        same(token.successes(), 0, "in vain");
        same(token.balanceOf(who(0)), 2_000, "paid once");
    }

    function test_a_token_that_keeps_a_part_pays_for_no_use() public {
        FeeToken token = new FeeToken();
        Terms memory terms = _terms(20);
        (terms.token, terms.ownerStake, terms.coordinatorStake, terms.price) = (address(token), 0, 0, 0);
        ModelShares odd = _modelOf(agreements.open(terms));
        token.give(who(BUYER), 10_000);
        vm.prank(who(BUYER));
        token.approve(address(odd), 10_000);
        for (uint256 i; i < 2; ++i) {
            vm.prank(who(BUYER));
            vm.expectRevert(ModelShares.TokenKeepsAPart.selector);
            if (i == 0) odd.pay(1_000, "licence");
            else odd.deposit(1_000);
        }
        same(token.balanceOf(who(BUYER)), 10_000, "nothing was taken");
    }

    function _modelOf(bytes32 agreement) private returns (ModelShares) {
        joinAll(agreement);
        anchor(agreement, 10);
        release(agreement, true);
        return sharesOf(agreement);
    }

    function _derived(uint256 salt, ModelShares parent, uint16 part) private returns (ModelShares) {
        Terms memory terms = _terms(salt);
        terms.parents = new Parent[](1);
        terms.parents[0] = Parent(address(parent), part);
        return _modelOf(agreements.open(terms));
    }

    function _pay(ModelShares to, uint256 amount) private {
        money.issue(address(this), amount);
        money.approve(address(to), amount);
        to.pay(amount, "licence");
    }

    function _deposit(uint256 amount) private {
        money.issue(who(BUYER), amount);
        vm.prank(who(BUYER));
        money.approve(address(shares), amount);
        vm.prank(who(BUYER));
        shares.deposit(amount);
    }

    function _voucher(ModelShares of_, uint256 buyer, uint128 total, uint64 queries)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Voucher(address buyer,uint128 total,uint64 queries,bytes32 receipts)");
        bytes32 said = keccak256(abi.encode(kind, who(BUYER), total, queries, bytes32(0)));
        return signedIn(buyer, said, domain("Cotrain model", address(of_)));
    }

    function _redeem(ModelShares of_, uint128 total, uint64 queries) private {
        of_.redeem(who(BUYER), total, queries, 0, _voucher(of_, BUYER, total, queries));
    }
}
