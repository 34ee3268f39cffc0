"""Great Expectations that find data leaks between the splits of machine-learning data.

Importing this package registers every Expectation, metric and action with Great Expectations.
"""

from gx_leakage.expectations import (
    CrossBatchExpectation,
    ExpectBatchesToBeOrderedInTime,
    ExpectNoIdenticalRowsAcrossBatches,
    ExpectNoSharedGroupIdsAcrossBatches,
)
from gx_leakage.splits import dataframe_splits

__all__ = [
    "CrossBatchExpectation",
    "ExpectBatchesToBeOrderedInTime",
    "ExpectNoIdenticalRowsAcrossBatches",
    "ExpectNoSharedGroupIdsAcrossBatches",
    "dataframe_splits",
]
