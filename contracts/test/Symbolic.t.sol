// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Agreements} from "../src/Agreements.sol";
import {Credits} from "../src/Credits.sol";
import {ModelShares} from "../src/ModelShares.sol";
import {
    Account,
    Anchor,
    Approval,
    COORDINATOR,
    DEMANDER,
    Live,
    MODEL_UNITS,
    OWNER,
    Parent,
    Party,
    Release,
    Terms
} from "../src/Types.sol";
import {Vm, vm} from "./Vm.sol";

/// A party that agrees to everything until it is told to be silent: the checks are about what holds whatever anybody
/// signs, or without a signature.
contract Yes is IERC1271 {
    bool private silent;

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return silent ? bytes4(0) : IERC1271.isValidSignature.selector;
    }

    function beSilent() external {
        silent = true;
    }

    function allow(Credits money, address spender, uint256 amount) external {
        money.approve(spender, amount);
    }

    function act(address target, bytes calldata message) external returns (bool done) {
        (done,) = target.call(message);
    }
}

/// For all values at once, by halmos: functions `check_`. Two owners, one of them the coordinator too.
contract SymbolicTest {
    Agreements private agreements;
    Credits private money;
    bytes32 private id;
    Yes private owner;
    Yes private lead;
    Yes private demander;

    function setUp() public {
        agreements = new Agreements(address(new ModelShares()));
        money = new Credits(address(this));
        (owner, lead, demander) = (new Yes(), new Yes(), new Yes());
        Party[3] memory parties = [
            Party(address(owner), OWNER, 6_000),
            Party(address(lead), COORDINATOR | OWNER, 4_000),
            Party(address(demander), DEMANDER, 0)
        ];
        bytes32[3] memory leaves;
        for (uint256 i; i < 3; ++i) leaves[i] = _leaf(parties[i]);
        bytes32 left = _pair(leaves[0], leaves[1]);
        Terms memory terms;
        terms.document = "document";
        terms.parties = _pair(left, leaves[2]);
        terms.token = address(money);
        (terms.coordinator, terms.demander) = (address(lead), address(demander));
        (terms.expiry, terms.challenge) = (uint64(block.timestamp + 1000), 100);
        (terms.epsilonBudget, terms.maxRounds, terms.partyCount) = (1_000_000, 3, 3);
        (terms.minOwners, terms.quorum, terms.price) = (1, 2, 9_000);
        id = agreements.open(terms);
        money.issue(address(demander), 9_000);
        demander.allow(money, address(agreements), 9_000);
        for (uint256 i; i < 3; ++i) {
            bytes32[] memory proof = new bytes32[](i == 2 ? 1 : 2);
            if (i == 2) (proof[0]) = (left);
            else (proof[0], proof[1]) = (leaves[1 - i], leaves[2]);
            agreements.join(id, parties[i], proof, i < 2 ? bytes32("rows") : bytes32(0), block.timestamp, "");
        }
    }

    function check_budget_and_rounds_hold(uint64 e1, uint64 e2, uint32 r1, uint32 r2, uint32 v1, uint32 v2) public {
        _anchor(r1, v1, e1);
        _anchor(r2, v2, e2);
        Live memory current = agreements.live(id);
        assert(current.epsilon <= current.epsilonBudget);
        assert(current.rounds <= current.maxRounds);
        assert(current.rounds <= 2);
    }

    function check_only_the_coordinator_anchors(address who, uint32 round, uint32 version, uint64 epsilon) public {
        vm.prank(who);
        Anchor memory made = Anchor(round, version, uint40(block.timestamp), epsilon, 1, "root", "result", "who");
        (bool done,) = address(agreements).call(abi.encodeCall(agreements.anchor, (id, made)));
        assert(!done || who == address(lead));
    }

    function check_only_the_owner_revokes(address who) public {
        vm.prank(who);
        (bool done,) = address(agreements).call(abi.encodeCall(agreements.revoke, (id)));
        assert(!done || who == address(owner) || who == address(lead));
        if (who != address(owner)) assert(agreements.member(id, address(owner)).revokedAt == 0);
    }

    function check_nobody_revokes_for_a_silent_owner(address who, bytes32 said) public {
        owner.beSilent();
        vm.prank(who);
        bytes memory message = abi.encodeCall(agreements.revokeFor, (id, address(owner), abi.encode(said)));
        (bool done,) = address(agreements).call(message);
        assert(!done);
        assert(agreements.member(id, address(owner)).revokedAt == 0);
    }

    function check_claims_stay_within_what_was_released(bool early, bool late, bool swapped) public {
        if (early) owner.act(address(agreements), abi.encodeCall(agreements.revoke, (id)));
        _anchor(1, early ? 4 : 3, 0);
        if (late && !early) owner.act(address(agreements), abi.encodeCall(agreements.revoke, (id)));
        _anchor(2, early || late ? 4 : 3, 0);
        _release(2);
        (address first, address second) = swapped ? (address(owner), address(lead)) : (address(lead), address(owner));
        _call(abi.encodeCall(agreements.claim, (id, first)));
        _call(abi.encodeCall(agreements.claim, (id, second)));
        assert(!_call(abi.encodeCall(agreements.claim, (id, first))));
        assert(_call(abi.encodeCall(agreements.refund, (id))));
        Account memory account = agreements.accountOf(id);
        assert(account.claimed <= 6_000); // two of three rounds
        assert(account.claimed + account.refunded == 9_000);
        assert(money.balanceOf(address(agreements)) == 0);
    }

    function check_vouchers_take_their_largest_total(uint128 one, uint128 other, uint128 third) public {
        ModelShares shares = _shares(money);
        Yes buyer = new Yes();
        money.issue(address(buyer), 1_000);
        buyer.allow(money, address(shares), 1_000);
        buyer.act(address(shares), abi.encodeCall(shares.deposit, (1_000)));
        uint128[3] memory totals = [one, other, third];
        uint256 largest;
        for (uint256 i; i < 3; ++i) {
            bytes memory message = abi.encodeCall(shares.redeem, (address(buyer), totals[i], 1, bytes32(0), ""));
            (bool done,) = address(shares).call(message);
            assert(!done || totals[i] > largest);
            if (done) largest = totals[i];
        }
        assert(shares.redeemed(address(buyer)) == largest);
        assert(shares.deposits(address(buyer)) == 1_000 - largest);
    }

    function check_no_voucher_without_the_buyer(address who, uint128 total) public {
        ModelShares shares = _shares(money);
        owner.beSilent();
        vm.prank(who);
        bytes memory message = abi.encodeCall(shares.redeem, (address(owner), total, 1, bytes32(0), ""));
        (bool done,) = address(shares).call(message);
        assert(!done);
    }

    function check_units_are_conserved(uint128 one, uint128 other, uint128 moved) public {
        ModelShares shares = _shares(money);
        try shares.mint(address(owner), one) {} catch {}
        try shares.mint(address(lead), other) {} catch {}
        owner.act(address(shares), abi.encodeCall(shares.transfer, (address(lead), moved)));
        uint256 held = shares.balanceOf(address(owner)) + shares.balanceOf(address(lead));
        assert(held == shares.totalSupply());
        assert(held <= shares.unitsInAll());
    }

    function _call(bytes memory message) private returns (bool done) {
        (done,) = address(agreements).call(message);
    }

    function isMember(bytes32, address) external pure returns (bool) {
        return true;
    }

    function _shares(Credits token) private returns (ModelShares shares) {
        shares = ModelShares(Clones.clone(address(new ModelShares())));
        shares.initialize(id, "model", token, MODEL_UNITS, true, new Parent[](0));
    }

    function _release(uint32 rounds) private {
        Approval[] memory approvals = new Approval[](2);
        (address a, address b) = (address(owner), address(lead));
        (approvals[0].account, approvals[1].account) = a < b ? (a, b) : (b, a);
        agreements.release(id, Release(rounds, 0, 0, true), approvals);
    }

    function check_nothing_is_claimed_before_a_release(address who) public {
        _anchor(1, 3, 0);
        uint256 before = money.balanceOf(address(agreements));
        (bool done,) = address(agreements).call(abi.encodeCall(agreements.claim, (id, who)));
        assert(!done);
        assert(money.balanceOf(address(agreements)) == before);
    }

    function check_no_refund_before_the_time(uint64 later) public {
        vm.warp(block.timestamp + later);
        (bool done,) = address(agreements).call(abi.encodeCall(agreements.refund, (id)));
        assert(!done || later >= 1100);
    }

    function _anchor(uint32 round, uint32 version, uint64 epsilon) private {
        Anchor memory made = Anchor(round, version, uint40(block.timestamp), epsilon, 1, "root", "result", "who");
        lead.act(address(agreements), abi.encodeCall(agreements.anchor, (id, made)));
    }

    function _leaf(Party memory party) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(party.account, party.roles, party.basisPoints))));
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
