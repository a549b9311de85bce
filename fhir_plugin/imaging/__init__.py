"""From bytes that nobody believes to a clean picture: look, decode, rebuild.

Pure code without I/O that runs inside the worker process (`fhir_plugin.adapters.image_worker` starts it,
`child` is its main function). `clean` is the whole sentence; `sniff` and the module of each format look
before anything is decoded; `rebuild` and `lossless` are the two ways out.
"""
