// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// A token that keeps one in a hundred of each transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0xFEE), amount / 100);
    }
}

/// A wallet that speaks for whoever signs with one key (ERC-1271).
contract Wallet is IERC1271 {
    address private immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(digest, signature) == OWNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// A token that calls somebody back on each transfer out of a chosen contract.
contract CallingToken is ERC20("Calling", "CALL") {
    address public from;
    address public target;
    bytes public message;
    uint256 public attempts;
    uint256 public successes;

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function callBack(address from_, address target_, bytes calldata message_) external {
        (from, target, message) = (from_, target_, message_);
    }

    function _update(address sender, address to, uint256 amount) internal override {
        super._update(sender, to, amount);
        if (sender != from || target == address(0)) return;
        ++attempts;
        (bool done,) = target.call(message);
        if (done) ++successes;
    }
}
