"""What Great Expectations sees: the base of all Expectations, metrics, actions, data sources, Data Docs."""
