"""HAPI FHIR JPA on its own libraries: `HapiServer.java`, with what it needs named in `pom.xml`."""
