"""Commands of `fhir-plugin`, one module each; `fhir_plugin.cli` gathers them. Imports inside them stay lazy."""
