"""What a tester sees of a launch: every request, what came with the tokens, and each resource as it was sent and as it
came back. For sandboxes alone: the demo has it, and `fhir-plugin serve --tester` where every registered EHR is one.

It listens at the one sender of HTTP and keeps what was said in this process's memory, without tokens, codes and bytes.
"""
