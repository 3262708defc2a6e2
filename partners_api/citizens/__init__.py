"""What a citizen's application calls: signing in, the wallet and its statement, offers and vouchers, donations."""
