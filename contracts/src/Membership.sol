// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {
    Account,
    BASIS_POINTS,
    COORDINATOR,
    DEMANDER,
    Live,
    Member,
    OWNER,
    Parent,
    Party,
    Terms
} from "./Types.sol";

/// Who takes part: agreements are opened, parties join by signature, owners revoke.
///
/// There is no administrator. Anybody may relay a party's signature; nobody can act without it.
abstract contract Membership is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant CONSENT = keccak256(
        "Consent(bytes32 agreement,bytes32 document,address account,bytes32 dataset,uint256 deadline)"
    );
    bytes32 private constant REVOCATION = keccak256("Revocation(bytes32 agreement,address owner)");

    uint256 private constant MAX_PARENTS = 4;
    uint256 private constant MAX_PARENT_SHARE = 5_000;

    mapping(bytes32 agreement => Live) internal _live;
    mapping(bytes32 agreement => Account) internal _accounts;
    mapping(bytes32 agreement => Terms) internal _terms;
    mapping(bytes32 agreement => mapping(address account => Member)) internal _members;

    /// Which contracts are shares of a model that was released here, and under which agreement.
    mapping(address shares => bytes32 agreement) public modelAgreement;

    event Opened(bytes32 indexed agreement, bytes32 indexed document, address indexed demander);
    event Joined(bytes32 indexed agreement, address indexed account, uint8 roles, bytes32 dataset);
    event Revoked(bytes32 indexed agreement, address indexed owner, uint32 rounds);

    error UnknownAgreement();
    error OpenedAlready();
    error BadTerms(string term);
    error Closed();
    error Expired();
    error NotInAgreement();
    error JoinedAlready();
    error NotMember();
    error NotOwner();
    error RevokedAlready();
    error BadSignature();
    error DeadlinePassed();
    error SharesExceedWhole();
    error SharesBelowWhole();
    error AllJoined();

    // Reading.

    function live(bytes32 agreement) external view returns (Live memory) {
        return _live[agreement];
    }

    function accountOf(bytes32 agreement) external view returns (Account memory) {
        return _accounts[agreement];
    }

    function termsOf(bytes32 agreement) external view returns (Terms memory) {
        return _terms[agreement];
    }

    function member(bytes32 agreement, address account) external view returns (Member memory) {
        return _members[agreement][account];
    }

    function isMember(bytes32 agreement, address account) public view returns (bool) {
        return _members[agreement][account].roles != 0;
    }

    /// The name of an agreement: the hash of all its terms, so nobody can open it with others.
    function nameOf(Terms calldata terms) public pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }

    // Opening.

    /// Opens an agreement. Anybody may: without the parties' consent nothing follows.
    function open(Terms calldata terms) external returns (bytes32 agreement) {
        agreement = nameOf(terms);
        if (_live[agreement].coordinator != address(0)) revert OpenedAlready();
        _checkTerms(terms);
        _live[agreement] = Live({
            coordinator: terms.coordinator,
            expiry: terms.expiry,
            maxRounds: terms.maxRounds,
            epsilonBudget: terms.epsilonBudget,
            challenge: terms.challenge,
            minOwners: terms.minOwners,
            partyCount: terms.partyCount,
            quorum: terms.quorum,
            pool: terms.pool,
            assurance: terms.assurance,
            freeTransfer: terms.freeTransfer,
            rounds: 0,
            epsilon: 0,
            owners: 0,
            joined: 0,
            version: 0,
            opened: 0,
            closed: false,
            head: agreement
        });
        Account storage account = _accounts[agreement];
        account.token = terms.token;
        account.demander = terms.demander;
        account.price = terms.price;
        account.usePrice = terms.usePrice;
        _terms[agreement] = terms;
        _shareSum[agreement] = terms.pool;
        emit Opened(agreement, terms.document, terms.demander);
    }

    function _checkTerms(Terms calldata terms) private view {
        if (terms.coordinator == address(0)) revert BadTerms("coordinator");
        if (terms.demander == address(0)) revert BadTerms("demander");
        if (terms.token.code.length == 0) revert BadTerms("token");
        if (terms.expiry <= block.timestamp) revert BadTerms("expiry");
        if (terms.challenge > 365 days) revert BadTerms("challenge");
        if (terms.maxRounds == 0) revert BadTerms("maxRounds");
        if (terms.minOwners == 0) revert BadTerms("minOwners");
        if (terms.quorum == 0 || terms.quorum > terms.partyCount) revert BadTerms("quorum");
        if (terms.pool > BASIS_POINTS) revert BadTerms("pool");
        if (terms.assurance > 3) revert BadTerms("assurance");
        if (terms.parents.length > MAX_PARENTS) revert BadTerms("parents");
        uint256 sum;
        for (uint256 i; i < terms.parents.length; ++i) {
            Parent calldata parent = terms.parents[i];
            bytes32 origin = modelAgreement[parent.shares];
            bool known = origin != 0 && _accounts[origin].token == terms.token;
            if (parent.basisPoints == 0 || !known) revert BadTerms("parents");
            sum += parent.basisPoints;
        }
        if (sum > MAX_PARENT_SHARE) revert BadTerms("parents");
    }

    // Joining.

    /// A party joins with its signature; what it owes (the price, a stake) is drawn from its account.
    ///
    /// The signature covers the agreement's name, hence every term. `dataset` is the root of an owner's commitment.
    function join(
        bytes32 agreement,
        Party calldata party,
        bytes32[] calldata proof,
        bytes32 dataset,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        Live storage current = _running(agreement);
        if (block.timestamp > deadline) revert DeadlinePassed();
        bytes32 document = _terms[agreement].document;
        bytes32 said = keccak256(abi.encode(CONSENT, agreement, document, party.account, dataset, deadline));
        _checkSignature(party.account, said, signature);
        _checkLeaf(agreement, party, proof);
        Member storage joining = _members[agreement][party.account];
        if (joining.roles != 0) revert JoinedAlready();
        if (current.joined == current.partyCount) revert AllJoined();
        if (party.roles & OWNER != 0 && dataset == 0) revert BadTerms("dataset");
        joining.roles = party.roles | 128; // a member without any of our roles is one all the same
        joining.basisPoints = party.basisPoints;
        joining.rounds = type(uint32).max;
        joining.dataset = dataset;
        joining.unshared = party.basisPoints * _accounts[agreement].compensationPerPoint;
        current.joined += 1;
        current.version += 1;
        if (party.roles & OWNER != 0) current.owners += 1;
        _countShare(agreement, party.basisPoints);
        emit Joined(agreement, party.account, party.roles, dataset);
        _payIn(agreement, party, joining);
    }

    /// Uses an ERC-2612 permit, so that joining needs no transaction of the party's own. A permit that somebody
    /// else used first does no harm: the allowance is there.
    function permit(address token, address owner, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        try IERC20Permit(token).permit(owner, address(this), value, deadline, v, r, s) {} catch {}
    }

    /// Basis points of all that joined and of the pool, by agreement.
    mapping(bytes32 agreement => uint256) internal _shareSum;

    /// Shares and pool are the whole once all joined: of what is released, nothing is left over and nobody's.
    function _countShare(bytes32 agreement, uint16 basisPoints) private {
        Live storage current = _live[agreement];
        uint256 sum = _shareSum[agreement] + basisPoints;
        if (sum > BASIS_POINTS) revert SharesExceedWhole();
        if (current.joined == current.partyCount && sum != BASIS_POINTS) revert SharesBelowWhole();
        _shareSum[agreement] = sum;
    }

    function _checkLeaf(bytes32 agreement, Party calldata party, bytes32[] calldata proof) private view {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(party.account, party.roles, party.basisPoints))));
        if (!MerkleProof.verifyCalldata(proof, _terms[agreement].parties, leaf)) revert NotInAgreement();
        bool leads = party.account == _live[agreement].coordinator;
        bool demands = party.account == _accounts[agreement].demander;
        if (leads != (party.roles & COORDINATOR != 0)) revert NotInAgreement();
        if (demands != (party.roles & DEMANDER != 0)) revert NotInAgreement();
    }

    function _payIn(bytes32 agreement, Party calldata party, Member storage joining) private {
        Terms storage terms = _terms[agreement];
        Account storage account = _accounts[agreement];
        uint128 stake = party.roles & OWNER != 0 ? terms.ownerStake : 0;
        if (party.roles & COORDINATOR != 0) stake += terms.coordinatorStake;
        joining.stake = stake;
        uint256 due = stake;
        if (party.roles & DEMANDER != 0) {
            account.funded = terms.price;
            due += terms.price;
        }
        if (due > 0) _draw(IERC20(account.token), party.account, due);
    }

    /// Takes exactly `amount`; a token that keeps a part of it is refused.
    function _draw(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        // `from` signed the consent that says so.
        // slither-disable-next-line arbitrary-send-erc20
        token.safeTransferFrom(from, address(this), amount);
        if (token.balanceOf(address(this)) != before + amount) revert BadTerms("token");
    }

    // Revoking.

    /// The data owner's own stop button; nobody else's consent is asked.
    function revoke(bytes32 agreement) external {
        _revoke(agreement, msg.sender);
    }

    /// The same, by an owner's signature that anybody may bring.
    function revokeFor(bytes32 agreement, address owner, bytes calldata signature) external {
        _checkSignature(owner, keccak256(abi.encode(REVOCATION, agreement, owner)), signature);
        _revoke(agreement, owner);
    }

    function _revoke(bytes32 agreement, address owner) private {
        Live storage current = _live[agreement];
        Member storage leaving = _members[agreement][owner];
        if (leaving.roles & OWNER == 0) revert NotOwner();
        if (leaving.revokedAt != 0) revert RevokedAlready();
        leaving.revokedAt = uint64(block.timestamp);
        leaving.rounds = current.rounds;
        current.owners -= 1;
        current.version += 1;
        Account storage account = _accounts[agreement];
        account.freshShares += leaving.basisPoints;
        account.freshPoints += uint128(leaving.basisPoints) * current.rounds;
        emit Revoked(agreement, owner, current.rounds);
    }

    // For the other parts.

    function _known(bytes32 agreement) internal view returns (Live storage current) {
        current = _live[agreement];
        if (current.coordinator == address(0)) revert UnknownAgreement();
    }

    function _running(bytes32 agreement) internal view returns (Live storage current) {
        current = _known(agreement);
        if (current.closed) revert Closed();
        if (block.timestamp >= current.expiry) revert Expired();
    }

    function _checkSignature(address account, bytes32 said, bytes memory signature) internal view {
        if (!SignatureChecker.isValidSignatureNow(account, _hashTypedDataV4(said), signature)) revert BadSignature();
    }
}
