"""The disclosure officer's desk: from the day a request comes in to the signature under what goes out.

`Desk` (in `desk`) is what the pages ask; the other modules are what it knows: who may, the clock, reading the record,
deciding, the second person, pictures.
"""
