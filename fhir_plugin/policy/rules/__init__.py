"""One module for each group of the guidance: a case in, findings out. No clock, no store, no order among them."""
