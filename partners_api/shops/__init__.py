"""What a shop's till calls: look up a voucher, redeem it."""
