"""One module per command; `cli` imports only the one that was asked for."""
