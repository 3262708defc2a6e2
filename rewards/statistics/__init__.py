"""What an authority is shown: every figure with its period and its definition. Nothing here changes anything."""
