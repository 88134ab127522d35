// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// Who published what, and when first: datasets, algorithms, offers of computing power, models.
///
/// A name is a hash; the description behind `document` is published elsewhere. Two accounts may publish the same hash:
/// the earlier date is public, and nobody can keep another from publishing by being faster.
contract Registry is EIP712 {
    enum Kind {
        Dataset,
        Algorithm,
        Compute,
        Model
    }

    bytes32 private constant PUBLICATION =
        keccak256("Publication(uint8 kind,bytes32 name,bytes32 document,address owner,uint256 nonce)");

    struct Entry {
        uint64 since; // first publication
        bool withdrawn;
        bytes32 document;
    }

    mapping(Kind kind => mapping(bytes32 name => mapping(address owner => Entry))) private _entries;

    /// Number of signed publications of an owner, so that none is played twice.
    mapping(address owner => uint256) public nonces;

    event Published(Kind indexed kind, bytes32 indexed name, address indexed owner, bytes32 document);
    event Withdrawn(Kind indexed kind, bytes32 indexed name, address indexed owner);

    error BadSignature();
    error NotPublished();
    error EmptyName();

    constructor() EIP712("Cotrain Registry", "1") {}

    function entry(Kind kind, bytes32 name, address owner) external view returns (Entry memory) {
        return _entries[kind][name][owner];
    }

    function publish(Kind kind, bytes32 name, bytes32 document) external {
        _publish(kind, name, document, msg.sender);
    }

    /// The same, by an owner's signature that anybody may bring.
    function publishFor(Kind kind, bytes32 name, bytes32 document, address owner, bytes calldata signature) external {
        bytes32 said = keccak256(abi.encode(PUBLICATION, kind, name, document, owner, nonces[owner]++));
        if (!SignatureChecker.isValidSignatureNow(owner, _hashTypedDataV4(said), signature)) revert BadSignature();
        _publish(kind, name, document, owner);
    }

    function withdraw(Kind kind, bytes32 name) external {
        Entry storage found = _entries[kind][name][msg.sender];
        if (found.since == 0 || found.withdrawn) revert NotPublished();
        found.withdrawn = true;
        emit Withdrawn(kind, name, msg.sender);
    }

    function _publish(Kind kind, bytes32 name, bytes32 document, address owner) private {
        if (name == 0) revert EmptyName();
        Entry storage found = _entries[kind][name][owner];
        if (found.since == 0) found.since = uint64(block.timestamp);
        found.withdrawn = false;
        found.document = document;
        emit Published(kind, name, owner, document);
    }
}
