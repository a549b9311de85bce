"""The tester's page: what the app and a sandbox said to each other."""
