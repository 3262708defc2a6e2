"""What a shop calls: its tills redeem, its back office keeps offers, keys and staff, and reads statements."""
