// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Credits} from "../src/Credits.sol";
import {Registry} from "../src/Registry.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract RegistryTest is Base {
    Registry private registry;

    function setUp() public override {
        super.setUp();
        registry = new Registry();
    }

    function test_the_first_date_stays() public {
        registry.publish(Registry.Kind.Dataset, "rows", "offer 1");
        vm.warp(START + 5);
        registry.publish(Registry.Kind.Dataset, "rows", "offer 2");
        Registry.Entry memory found = registry.entry(Registry.Kind.Dataset, "rows", address(this));
        same(found.since, START, "since");
        check(found.document == "offer 2", "the latest description");
        vm.prank(who(0));
        registry.publish(Registry.Kind.Dataset, "rows", "mine too");
        same(registry.entry(Registry.Kind.Dataset, "rows", who(0)).since, START + 5, "anybody may, and the date tells");
    }

    function test_a_signed_publication_counts_once() public {
        bytes memory signature = _signed(0, "rows", 0);
        registry.publishFor(Registry.Kind.Dataset, "rows", "offer", who(0), signature);
        vm.expectRevert(Registry.BadSignature.selector);
        registry.publishFor(Registry.Kind.Dataset, "rows", "offer", who(0), signature);
        bytes memory next = _signed(0, "rows", 1);
        vm.expectRevert(Registry.BadSignature.selector);
        registry.publishFor(Registry.Kind.Model, "rows", "offer", who(0), next);
        vm.expectRevert(Registry.BadSignature.selector);
        registry.publishFor(Registry.Kind.Dataset, "rows", "offer", who(1), next);
        registry.publishFor(Registry.Kind.Dataset, "rows", "offer", who(0), next);
    }

    function test_withdrawn_is_seen_and_only_the_owner_withdraws() public {
        registry.publish(Registry.Kind.Compute, "machines", "offer");
        vm.prank(who(0));
        vm.expectRevert(Registry.NotPublished.selector);
        registry.withdraw(Registry.Kind.Compute, "machines");
        registry.withdraw(Registry.Kind.Compute, "machines");
        check(registry.entry(Registry.Kind.Compute, "machines", address(this)).withdrawn, "withdrawn");
        vm.expectRevert(Registry.NotPublished.selector);
        registry.withdraw(Registry.Kind.Compute, "machines");
        vm.expectRevert(Registry.EmptyName.selector);
        registry.publish(Registry.Kind.Compute, 0, "offer");
    }

    function test_only_the_issuer_issues_credits_and_holders_redeem_their_own() public {
        vm.prank(who(0));
        vm.expectRevert(Credits.OnlyIssuer.selector);
        money.issue(who(0), 1);
        money.issue(who(0), 5);
        vm.prank(who(0));
        money.redeem(2);
        same(money.totalSupply(), 3, "what is out");
        vm.prank(who(0));
        vm.expectRevert();
        money.redeem(4);
        same(money.decimals(), 6, "decimals");
    }

    function _signed(uint256 party, bytes32 name, uint256 nonce) private view returns (bytes memory) {
        bytes32 kind =
            keccak256("Publication(uint8 kind,bytes32 name,bytes32 document,address owner,uint256 nonce)");
        bytes32 said = keccak256(
            abi.encode(kind, Registry.Kind.Dataset, name, bytes32("offer"), who(party), nonce)
        );
        return signedIn(party, said, domain("Cotrain Registry", address(registry)));
    }
}
