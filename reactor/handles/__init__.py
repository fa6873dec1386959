"""One file for each kind of thing the loop can wait for."""
