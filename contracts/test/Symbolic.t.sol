// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Agreements} from "../src/Agreements.sol";
import {Credits} from "../src/Credits.sol";
import {ModelShares} from "../src/ModelShares.sol";
import {Account, Anchor, COORDINATOR, DEMANDER, Live, OWNER, Parent, Party, Terms} from "../src/Types.sol";
import {Vm, vm} from "./Vm.sol";

/// A party that agrees to everything: the checks are about what holds whatever anybody signs.
contract Yes is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
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
