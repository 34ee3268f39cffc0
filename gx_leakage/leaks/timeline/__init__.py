"""What was known when: the order of splits, windows of labels, availability of features, frames."""
