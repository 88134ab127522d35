// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Membership} from "../src/Membership.sol";
import {DEMANDER, OWNER, Parent, Party, Terms} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {FeeToken, Wallet} from "./Strangers.sol";
import {vm} from "./Vm.sol";

contract MembershipTest is Base {
    function test_the_name_is_the_hash_of_all_terms() public {
        Terms memory terms = _terms(1);
        check(id == keccak256(abi.encode(terms)), "name");
        vm.expectRevert(Membership.OpenedAlready.selector);
        agreements.open(terms);
        terms.price += 1;
        check(agreements.open(terms) != id, "other terms, other name");
    }

    function test_terms_that_cannot_be_are_refused() public {
        Terms[12] memory bad;
        string[12] memory names = [
            "coordinator", "demander", "token", "expiry", "challenge", "maxRounds",
            "minOwners", "quorum", "quorum", "pool", "assurance", "parents"
        ];
        for (uint256 i; i < bad.length; ++i) bad[i] = _terms(2);
        bad[0].coordinator = address(0);
        bad[1].demander = address(0);
        bad[2].token = who(0);
        bad[3].expiry = uint64(block.timestamp);
        bad[4].challenge = 365 days + 1;
        bad[5].maxRounds = 0;
        bad[6].minOwners = 0;
        bad[7].quorum = 0;
        bad[8].quorum = uint32(PARTIES) + 1;
        bad[9].pool = 10_001;
        bad[10].assurance = 4;
        bad[11].parents = new Parent[](1);
        bad[11].parents[0] = Parent(address(money), 100);
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Membership.BadTerms.selector, names[i]));
            agreements.open(bad[i]);
        }
    }

    function test_everybody_joins_and_pays_in() public {
        joinAll(id);
        same(money.balanceOf(address(agreements)), PRICE + 3 * STAKE + BIG_STAKE, "paid in");
        same(agreements.accountOf(id).funded, PRICE, "the price");
        same(agreements.live(id).joined, PARTIES, "joined");
        same(agreements.live(id).owners, 3, "owners");
        check(agreements.isMember(id, who(AUDITOR_)), "a member without a role of ours");
        check(!agreements.isMember(id, address(this)), "no member");
    }

    function test_a_consent_is_for_one_agreement_account_dataset_and_time() public {
        fund(id, 0);
        bytes32[] memory proof = proofOf(leaves(), 0);
        uint256 deadline = block.timestamp + 1;
        bytes32 dataset = datasetOf(0);
        bytes memory signature = consentOf(id, 0, dataset, deadline);
        Party memory party = leafOf(0);
        _refuse(Membership.BadSignature.selector);
        agreements.join(id, party, proof, keccak256("other rows"), deadline, signature);
        _refuse(Membership.BadSignature.selector);
        agreements.join(id, party, proof, dataset, deadline + 1, signature);
        bytes memory others = consentOf(id, 1, dataset, deadline);
        _refuse(Membership.BadSignature.selector);
        agreements.join(id, party, proof, dataset, deadline, others);
        bytes32 second = agreements.open(_terms(2));
        _refuse(Membership.BadSignature.selector);
        agreements.join(second, party, proof, dataset, deadline, signature);
        vm.warp(deadline + 1);
        _refuse(Membership.DeadlinePassed.selector);
        agreements.join(id, party, proof, dataset, deadline, signature);
        vm.warp(deadline);
        agreements.join(id, party, proof, dataset, deadline, signature);
        _refuse(Membership.JoinedAlready.selector);
        agreements.join(id, party, proof, dataset, deadline, signature);
    }

    function test_only_who_stands_in_the_agreement_joins_and_as_what_it_is() public {
        fund(id, 0);
        uint256 deadline = block.timestamp + 1;
        bytes memory signature = consentOf(id, 0, datasetOf(0), deadline);
        Party memory party = leafOf(0);
        party.basisPoints += 1;
        _refuse(Membership.NotInAgreement.selector);
        agreements.join(id, party, proofOf(leaves(), 0), datasetOf(0), deadline, signature);
        party = leafOf(0);
        party.roles |= DEMANDER;
        _refuse(Membership.NotInAgreement.selector);
        agreements.join(id, party, proofOf(leaves(), 0), datasetOf(0), deadline, signature);
        _refuse(Membership.NotInAgreement.selector);
        agreements.join(id, leafOf(0), proofOf(leaves(), 1), datasetOf(0), deadline, signature);
    }

    /// The list of parties itself may be wrong: roles must fit the named coordinator and demander.
    function test_roles_that_contradict_the_terms_are_refused() public {
        Party memory party = Party(who(0), OWNER | DEMANDER, 100);
        Terms memory terms = _terms(2);
        terms.parties = leafHash(abi.encode(party.account, party.roles, party.basisPoints));
        bytes32 second = agreements.open(terms);
        bytes memory signature = consentOf(second, 0, datasetOf(0), block.timestamp);
        _refuse(Membership.NotInAgreement.selector);
        agreements.join(second, party, new bytes32[](0), datasetOf(0), block.timestamp, signature);
    }

    function test_shares_of_all_parties_cannot_exceed_the_whole() public {
        Party[2] memory greedy = [Party(who(0), OWNER, 6_000), Party(who(1), OWNER, 4_001)];
        bytes32[] memory level = new bytes32[](2);
        for (uint256 i; i < 2; ++i) {
            level[i] = leafHash(abi.encode(greedy[i].account, greedy[i].roles, greedy[i].basisPoints));
        }
        Terms memory terms = _terms(2);
        (terms.parties, terms.ownerStake) = (rootOf(level), 0);
        bytes32 second = agreements.open(terms);
        for (uint256 i; i < 2; ++i) {
            bytes memory signature = consentOf(second, i, datasetOf(i), block.timestamp);
            if (i == 1) _refuse(Membership.SharesExceedWhole.selector);
            agreements.join(second, greedy[i], proofOf(level, i), datasetOf(i), block.timestamp, signature);
        }
    }

    function test_shares_of_all_parties_are_the_whole() public {
        Terms memory terms = _terms(2);
        (terms.partyCount, terms.pool) = (uint32(PARTIES) - 1, 1_499);
        bytes32 second = agreements.open(terms);
        for (uint256 i; i < PARTIES; ++i) if (i != DEVELOPER_ && i != COORDINATOR_) join(second, i);
        fund(second, COORDINATOR_);
        bytes memory signature = consentOf(second, COORDINATOR_, 0, block.timestamp);
        bytes32[] memory proof = proofOf(leaves(), COORDINATOR_);
        _refuse(Membership.SharesBelowWhole.selector);
        agreements.join(second, leafOf(COORDINATOR_), proof, 0, block.timestamp, signature);
    }

    function test_no_more_join_than_agreed() public {
        Terms memory terms = _terms(2);
        terms.partyCount = uint32(PARTIES) - 1;
        bytes32 second = agreements.open(terms);
        for (uint256 i; i < PARTIES; ++i) if (i != AUDITOR_) join(second, i);
        bytes memory signature = consentOf(second, AUDITOR_, 0, block.timestamp);
        bytes32[] memory proof = proofOf(leaves(), AUDITOR_);
        _refuse(Membership.AllJoined.selector);
        agreements.join(second, leafOf(AUDITOR_), proof, 0, block.timestamp, signature);
        anchor(second, 1);
    }

    function test_an_owner_brings_a_dataset() public {
        fund(id, 0);
        bytes memory signature = consentOf(id, 0, 0, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Membership.BadTerms.selector, "dataset"));
        agreements.join(id, leafOf(0), proofOf(leaves(), 0), 0, block.timestamp, signature);
    }

    function test_nobody_joins_after_the_expiry_or_what_is_not_there() public {
        fund(id, 0);
        bytes memory signature = consentOf(id, 0, datasetOf(0), START + 40 days);
        vm.warp(START + 30 days);
        _refuse(Membership.Expired.selector);
        agreements.join(id, leafOf(0), proofOf(leaves(), 0), datasetOf(0), START + 40 days, signature);
        _refuse(Membership.UnknownAgreement.selector);
        agreements.join(keccak256("none"), leafOf(0), proofOf(leaves(), 0), datasetOf(0), START + 40 days, signature);
    }

    function test_who_cannot_pay_does_not_join() public {
        bytes memory signature = consentOf(id, 0, datasetOf(0), block.timestamp);
        vm.expectRevert();
        agreements.join(id, leafOf(0), proofOf(leaves(), 0), datasetOf(0), block.timestamp, signature);
        check(!agreements.isMember(id, who(0)), "nothing happened");
    }

    function test_a_permit_replaces_a_transaction_of_the_party() public {
        money.issue(who(0), STAKE);
        bytes32 kind =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 said = keccak256(abi.encode(kind, who(0), address(agreements), STAKE, 0, block.timestamp));
        bytes memory made = signedIn(0, said, domain("Cotrain credits", address(money)));
        (bytes32 r, bytes32 s, uint8 v) = _split(made);
        agreements.permit(address(money), who(0), STAKE, block.timestamp, v, r, s);
        // Once more, as somebody who was faster would leave it: no harm.
        agreements.permit(address(money), who(0), STAKE, block.timestamp, v, r, s);
        bytes memory signature = consentOf(id, 0, datasetOf(0), block.timestamp);
        agreements.join(id, leafOf(0), proofOf(leaves(), 0), datasetOf(0), block.timestamp, signature);
        same(money.balanceOf(address(agreements)), STAKE, "its stake");
    }

    function test_a_token_that_keeps_a_part_is_refused() public {
        FeeToken token = new FeeToken();
        Terms memory terms = _terms(2);
        terms.token = address(token);
        bytes32 second = agreements.open(terms);
        token.give(who(0), STAKE);
        vm.prank(who(0));
        token.approve(address(agreements), STAKE);
        bytes memory signature = consentOf(second, 0, datasetOf(0), block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Membership.BadTerms.selector, "token"));
        agreements.join(second, leafOf(0), proofOf(leaves(), 0), datasetOf(0), block.timestamp, signature);
    }

    function test_a_wallet_that_is_a_contract_can_be_a_party() public {
        Wallet wallet = new Wallet(who(0));
        Party memory party = Party(address(wallet), OWNER, 100);
        Terms memory terms = _terms(2);
        terms.parties = leafHash(abi.encode(party.account, party.roles, party.basisPoints));
        terms.ownerStake = 0;
        bytes32 second = agreements.open(terms);
        bytes32 kind = keccak256(
            "Consent(bytes32 agreement,bytes32 document,address account,bytes32 dataset,uint256 deadline)"
        );
        bytes32 said = keccak256(
            abi.encode(kind, second, terms.document, address(wallet), datasetOf(0), block.timestamp)
        );
        bytes memory wrong = signedBy(1, said);
        _refuse(Membership.BadSignature.selector);
        agreements.join(second, party, new bytes32[](0), datasetOf(0), block.timestamp, wrong);
        agreements.join(second, party, new bytes32[](0), datasetOf(0), block.timestamp, signedBy(0, said));
        check(agreements.isMember(second, address(wallet)), "joined");
    }

    // Revoking.

    function test_only_the_owner_revokes_by_itself_or_by_its_signature() public {
        joinAll(id);
        vm.prank(who(COORDINATOR_));
        _refuse(Membership.NotOwner.selector);
        agreements.revoke(id);
        bytes32 said = keccak256(abi.encode(keccak256("Revocation(bytes32 agreement,address owner)"), id, who(0)));
        bytes memory others = signedBy(COORDINATOR_, said);
        _refuse(Membership.BadSignature.selector);
        agreements.revokeFor(id, who(0), others);
        bytes memory own = signedBy(0, said);
        _refuse(Membership.BadSignature.selector);
        agreements.revokeFor(id, who(1), own);
        agreements.revokeFor(id, who(0), own);
        _refuse(Membership.RevokedAlready.selector);
        agreements.revokeFor(id, who(0), own);
        vm.prank(who(1));
        agreements.revoke(id);
        same(agreements.live(id).owners, 1, "owners left");
        same(agreements.live(id).version, PARTIES + 2, "the version tells");
        same(agreements.member(id, who(1)).revokedAt, block.timestamp, "when");
    }

    function test_a_revocation_needs_no_consent_and_works_after_the_expiry_too() public {
        joinAll(id);
        vm.warp(START + 40 days);
        revoke(id, 0);
        vm.prank(who(AUDITOR_));
        _refuse(Membership.NotOwner.selector);
        agreements.revoke(id);
    }

    function _refuse(bytes4 selector) private {
        vm.expectRevert(selector);
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
