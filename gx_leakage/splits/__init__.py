"""What a split is, how the batch that GX validates finds its siblings, and how files are read."""
