"""Use of a released model: queries, answers, receipts, and vouchers that pay for them."""
