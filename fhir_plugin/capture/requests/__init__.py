"""Asking a patient for photographs: prepare, link, visit, arrive (guidance groups PI, NJ, ID, RX).

A request belongs to the practice, its pictures to the patient until they confirm. What comes back is an ordinary
capture; before that, nobody at the practice sees a byte.
"""
