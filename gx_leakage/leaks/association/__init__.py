"""A column that knows the answer: features, metadata, gaps, the order of rows, target encodings."""
