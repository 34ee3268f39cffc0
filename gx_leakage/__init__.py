"""Great Expectations that find data leaks between the splits of machine-learning data.

Importing this package registers every Expectation, metric and action with Great Expectations.
"""

import logging

from gx_leakage.audit.run import assert_expectation, audit
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.actions import LeakageReportAction
from gx_leakage.gx.guarded import guard
from gx_leakage.gx.report import Finding, LeakFoundError, Report
from gx_leakage.leaks import (
    CrossBatchExpectation,
    ExpectBatchesToBeOrderedInTime,
    ExpectFeaturesToBeAvailableAtPredictionTime,
    ExpectLabelWindowsNotToOverlapAcrossBatches,
    ExpectMetadataNotToPredictTarget,
    ExpectMissingnessNotToRevealTarget,
    ExpectNoFeatureToRevealTarget,
    ExpectNoIdenticalRowsAcrossBatches,
    ExpectNoInterleavedFramesAcrossBatches,
    ExpectNoSharedGroupIdsAcrossBatches,
    ExpectPreprocessingToBeFittedOnTrainBatchOnly,
    ExpectRowIdsToBeIndependentOfTarget,
    ExpectTargetEncodingsToBeOutOfFold,
)
from gx_leakage.splits.resolve import add_file_splits, dataframe_splits

__all__ = [
    "CouldNotCheckError",
    "CrossBatchExpectation",
    "ExpectBatchesToBeOrderedInTime",
    "ExpectFeaturesToBeAvailableAtPredictionTime",
    "ExpectLabelWindowsNotToOverlapAcrossBatches",
    "ExpectMetadataNotToPredictTarget",
    "ExpectMissingnessNotToRevealTarget",
    "ExpectNoFeatureToRevealTarget",
    "ExpectNoIdenticalRowsAcrossBatches",
    "ExpectNoInterleavedFramesAcrossBatches",
    "ExpectNoSharedGroupIdsAcrossBatches",
    "ExpectPreprocessingToBeFittedOnTrainBatchOnly",
    "ExpectRowIdsToBeIndependentOfTarget",
    "ExpectTargetEncodingsToBeOutOfFold",
    "Finding",
    "LeakFoundError",
    "LeakageReportAction",
    "Report",
    "add_file_splits",
    "assert_expectation",
    "audit",
    "dataframe_splits",
    "guard",
]

# Who wants to see what is logged sets logging up; without that nothing is printed.
logging.getLogger(__name__).addHandler(logging.NullHandler())
