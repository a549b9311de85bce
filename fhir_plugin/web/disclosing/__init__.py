"""The disclosure officer's desk: pages over `contract.Desk`."""
