"""What other systems see of this app, below `/fhir`: one operation, its description, and the way to a token."""
