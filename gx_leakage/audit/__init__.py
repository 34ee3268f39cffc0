"""Splits and what their columns are for, turned into checks that are run, and a report of what they found."""
