"""The statement kit: what databases write differently, keys that can be compared, values as JSON has them."""
