"""Inferno's SMART client suite (`smart_client_stu2_2` of inferno-framework/smart-app-launch-test-kit, Apache 2.0).

Its simulated EHR over real loopback HTTP and its sixteen checks, 1.01 to 5.12, written again in Python, so that they
run with our own tests. The wording of the verdicts is Inferno's, so that a report can be compared line by line.
Each check is run on `smart_launch` alone and on the whole app; each is shown to fail what is wrong.
"""
