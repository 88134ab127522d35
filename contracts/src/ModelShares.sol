// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BASIS_POINTS, Parent} from "./Types.sol";

interface IMembers {
    function isMember(bytes32 agreement, address account) external view returns (bool);
}

/// The shares of one model: payments for its use accrue on them and are settled when they move.
///
/// Every unit that will ever exist is fixed from the start and earns from the start, also before its holder claims
/// it. Payments come as direct payments, as vouchers that a buyer signs off the chain, and as plain transfers.
contract ModelShares is ERC20Permit, IERC2981, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant VOUCHER =
        keccak256("Voucher(address buyer,uint128 total,uint64 queries,bytes32 receipts)");

    uint256 private constant SCALE = 1e27;

    /// Part of a resale of the model's token that marketplaces are asked to pay to its holders (ERC-2981).
    uint256 public constant RESALE = 500;

    /// How long a buyer's deposit stays for vouchers that are still out.
    uint256 public constant NOTICE = 7 days;

    address public agreements;
    bytes32 public agreement;
    bytes32 public model;
    IERC20 public money;
    bool public freeTransfer;
    uint256 public unitsInAll;
    Parent[] public parents;
    uint256 public parentShare;

    /// Money for each unit since the start, times `SCALE`.
    uint256 public perUnit;
    /// Money in this contract that is accounted for.
    uint256 public held;

    mapping(address holder => uint256) private _seen;
    mapping(address holder => uint256) private _owed;

    uint256 public parentAccrued;
    mapping(uint256 parent => uint256) public parentPaid;

    mapping(address buyer => uint256) public deposits;
    mapping(address buyer => uint256) public redeemed;
    mapping(address buyer => uint256) public withdrawableAt;

    event Paid(address indexed payer, uint256 amount, bytes32 indexed ref);
    event Redeemed(address indexed buyer, uint256 amount, uint256 total, uint64 queries, bytes32 receipts);
    event Deposited(address indexed buyer, uint256 amount);
    event WithdrawalAnnounced(address indexed buyer, uint256 at);
    event Withdrawn(address indexed buyer, uint256 amount);
    event RoyaltyPaid(address indexed holder, uint256 amount);
    event ParentPaid(address indexed shares, uint256 amount);

    error InitializedAlready();
    error OnlyAgreements();
    error MoreThanAll();
    error NotAllowedToHold();
    error BadSignature();
    error NothingNew();
    error DepositTooSmall();
    error NotYet();
    error NothingDue();
    error TokenKeepsAPart();

    constructor() ERC20("Cotrain model", "MODEL") ERC20Permit("Cotrain model") {
        agreements = address(this); // the code itself is nobody's token
    }

    /// Called once, by the contract that made this token.
    function initialize(
        bytes32 agreement_,
        bytes32 model_,
        IERC20 money_,
        uint256 unitsInAll_,
        bool freeTransfer_,
        Parent[] calldata parents_
    ) external {
        if (agreements != address(0)) revert InitializedAlready();
        agreements = msg.sender;
        agreement = agreement_;
        model = model_;
        money = money_;
        unitsInAll = unitsInAll_;
        freeTransfer = freeTransfer_;
        for (uint256 i; i < parents_.length; ++i) {
            parents.push(parents_[i]);
            parentShare += parents_[i].basisPoints;
        }
    }

    /// A copy made by `Clones` has no storage of its own for a name.
    function name() public pure override returns (string memory) {
        return "Cotrain model";
    }

    function symbol() public pure override returns (string memory) {
        return "MODEL";
    }

    function mint(address holder, uint256 units) external {
        if (msg.sender != agreements) revert OnlyAgreements();
        if (totalSupply() + units > unitsInAll) revert MoreThanAll();
        // Units earn from the start: what accrued before they were claimed is theirs.
        _settle(holder);
        _owed[holder] += units * perUnit / SCALE;
        _mint(holder, units);
    }

    // Payments.

    /// Pays for use of the model, e.g. a licence; `ref` is the payer's own mark.
    function pay(uint256 amount, bytes32 ref) external nonReentrant {
        _draw(amount);
        _accrue(amount);
        emit Paid(msg.sender, amount, ref);
    }

    /// Counts money that came by a plain transfer, e.g. from a marketplace.
    function absorb() external nonReentrant {
        uint256 found = money.balanceOf(address(this)) - held;
        if (found == 0) revert NothingNew();
        held += found;
        _accrue(found);
        emit Paid(address(this), found, 0);
    }

    function _accrue(uint256 amount) private {
        uint256 forParents = amount * parentShare / BASIS_POINTS;
        parentAccrued += forParents;
        perUnit += (amount - forParents) * SCALE / unitsInAll;
    }

    function _draw(uint256 amount) private {
        held += amount;
        uint256 before = money.balanceOf(address(this));
        money.safeTransferFrom(msg.sender, address(this), amount);
        if (money.balanceOf(address(this)) != before + amount) revert TokenKeepsAPart();
    }

    function _send(address to, uint256 amount) private {
        held -= amount;
        money.safeTransfer(to, amount);
    }

    /// Passes on what belongs to the models from which this one is derived. Anybody may ask.
    function payParents() external nonReentrant {
        uint256 paid;
        for (uint256 i; i < parents.length; ++i) {
            Parent memory parent = parents[i];
            uint256 amount = parentAccrued * parent.basisPoints / parentShare - parentPaid[i];
            if (amount == 0) continue;
            paid += amount;
            parentPaid[i] += amount;
            held -= amount;
            emit ParentPaid(parent.shares, amount);
            money.forceApprove(parent.shares, amount);
            // Guarded, and parents are copies of this code only.
            // slither-disable-next-line reentrancy-no-eth
            ModelShares(parent.shares).pay(amount, model);
        }
        if (paid == 0) revert NothingDue();
    }

    // Royalties.

    /// What a holder can claim now.
    function owed(address holder) public view returns (uint256) {
        return _owed[holder] + balanceOf(holder) * (perUnit - _seen[holder]) / SCALE;
    }

    /// Pays a holder what its units earned. Anybody may ask.
    function claim(address holder) external nonReentrant {
        _settle(holder);
        uint256 amount = _owed[holder];
        if (amount == 0) revert NothingDue();
        _owed[holder] = 0;
        emit RoyaltyPaid(holder, amount);
        _send(holder, amount);
    }

    function _settle(address holder) private {
        _owed[holder] = owed(holder);
        _seen[holder] = perUnit;
    }

    function _update(address from, address to, uint256 units) internal override {
        if (from != address(0)) _settle(from);
        if (to != address(0)) {
            _settle(to);
            if (from != address(0) && !freeTransfer && !IMembers(agreements).isMember(agreement, to)) {
                revert NotAllowedToHold();
            }
        }
        super._update(from, to, units);
    }

    // Vouchers: a buyer deposits once, then signs a growing total with each query.

    /// Adds to a buyer's deposit and takes back an announced withdrawal.
    function deposit(uint256 amount) external nonReentrant {
        deposits[msg.sender] += amount;
        delete withdrawableAt[msg.sender];
        emit Deposited(msg.sender, amount);
        _draw(amount);
    }

    /// Turns a buyer's latest voucher into royalties. Only what is new since the last one counts.
    ///
    /// @param total All that the buyer has promised so far.
    /// @param queries Number of queries answered so far.
    /// @param receipts Hash over the signed receipts of these queries.
    function redeem(address buyer, uint128 total, uint64 queries, bytes32 receipts, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 said = _hashTypedDataV4(keccak256(abi.encode(VOUCHER, buyer, total, queries, receipts)));
        if (!SignatureChecker.isValidSignatureNow(buyer, said, signature)) revert BadSignature();
        if (total <= redeemed[buyer]) revert NothingNew();
        uint256 amount = total - redeemed[buyer];
        if (amount > deposits[buyer]) revert DepositTooSmall();
        redeemed[buyer] = total;
        deposits[buyer] -= amount;
        _accrue(amount);
        emit Redeemed(buyer, amount, total, queries, receipts);
    }

    /// Says that a buyer wants its deposit back; vouchers that are out can be redeemed until then.
    function announceWithdrawal() external {
        if (deposits[msg.sender] == 0) revert NothingDue();
        withdrawableAt[msg.sender] = block.timestamp + NOTICE;
        emit WithdrawalAnnounced(msg.sender, block.timestamp + NOTICE);
    }

    function withdraw() external nonReentrant {
        uint256 at = withdrawableAt[msg.sender];
        if (at == 0 || block.timestamp < at) revert NotYet();
        uint256 amount = deposits[msg.sender];
        if (amount == 0) revert NothingDue();
        delete deposits[msg.sender];
        delete withdrawableAt[msg.sender];
        emit Withdrawn(msg.sender, amount);
        _send(msg.sender, amount);
    }

    // For marketplaces.

    function royaltyInfo(uint256, uint256 salePrice) external view returns (address receiver, uint256 amount) {
        return (address(this), salePrice * RESALE / BASIS_POINTS);
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC2981).interfaceId || id == type(IERC165).interfaceId || id == type(IERC20).interfaceId;
    }
}
