"""Packages: what is in them, that they say no more than they may, and that a change to one is found."""
