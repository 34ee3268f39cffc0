"""Preprocessing that saw the test split, by the traces that it leaves in numbers."""

PLACE = 40
