"""What a tester runs against somebody's FHIR server: the whole life of one drawn image of one synthetic patient.

Each check says what the server did, what it cannot do, or where it does not do what it says; with every exchange,
without secrets. Everything that was made is removed again, and what could not be is listed.
"""
