"""Hiding from the record, and the permanent deletion of images: what people see of it. Never just "delete"."""
