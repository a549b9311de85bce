"""FHIR R4: one module for each resource, to_x and from_x side by side, on plain JSON. No I/O."""
