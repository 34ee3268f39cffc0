"""One Expectation a file. Importing this package registers them all with Great Expectations."""

from gx_leakage.expectations.base import CrossBatchExpectation
from gx_leakage.expectations.expect_batches_to_be_ordered_in_time import ExpectBatchesToBeOrderedInTime
from gx_leakage.expectations.expect_features_to_be_available_at_prediction_time import (
    ExpectFeaturesToBeAvailableAtPredictionTime,
)
from gx_leakage.expectations.expect_label_windows_not_to_overlap_across_batches import (
    ExpectLabelWindowsNotToOverlapAcrossBatches,
)
from gx_leakage.expectations.expect_no_identical_rows_across_batches import ExpectNoIdenticalRowsAcrossBatches
from gx_leakage.expectations.expect_no_interleaved_frames_across_batches import (
    ExpectNoInterleavedFramesAcrossBatches,
)
from gx_leakage.expectations.expect_no_shared_group_ids_across_batches import (
    ExpectNoSharedGroupIdsAcrossBatches,
)

__all__ = [
    "CrossBatchExpectation",
    "ExpectBatchesToBeOrderedInTime",
    "ExpectFeaturesToBeAvailableAtPredictionTime",
    "ExpectLabelWindowsNotToOverlapAcrossBatches",
    "ExpectNoIdenticalRowsAcrossBatches",
    "ExpectNoInterleavedFramesAcrossBatches",
    "ExpectNoSharedGroupIdsAcrossBatches",
]
