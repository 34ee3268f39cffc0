"""The same thing in more than one split: groups, rows."""
