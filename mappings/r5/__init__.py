"""FHIR R5 at the boundary: the flows speak R4, a server of R5 gets and gives R5 (docs/adr/0038)."""
