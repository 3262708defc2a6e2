"""What people use instead, each the way its documentation shows it."""
