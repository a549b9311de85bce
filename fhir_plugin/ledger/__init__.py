"""Intents, and the one resume engine that every flow uses."""
