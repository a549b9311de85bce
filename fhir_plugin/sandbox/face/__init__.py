"""The face of the sandbox EHR: a plain clinical system to sign in to, with a patient list and a chart."""
