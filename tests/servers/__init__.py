"""Servers written by others, in processes of their own, that tests run against."""
