"""Proof: what Bontri promises under faults, shown by killing it for real and by running its own logic on a seed."""
