// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// The cheat codes of forge that the tests use.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 time) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 key) external pure returns (address);
    function expectRevert(bytes calldata reason) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function assume(bool condition) external pure;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
