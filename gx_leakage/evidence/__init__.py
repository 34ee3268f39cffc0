"""What is asked of the data, one module a family of leaks. Nothing here knows Great Expectations."""
