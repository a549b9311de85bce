"""A SMART App Launch 2.2 authorization server for the sandbox: scopes, launches, clients, tokens, endpoints.

It is an independent counterparty of the app: it shares no code with `smart_launch`, so that the two can only
agree by both following the specification.
"""
