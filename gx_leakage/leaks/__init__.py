"""One Expectation a file. Importing this package registers them all with Great Expectations."""

from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.leaks.association.expect_metadata_not_to_predict_target import ExpectMetadataNotToPredictTarget
from gx_leakage.leaks.association.expect_missingness_not_to_reveal_target import ExpectMissingnessNotToRevealTarget
from gx_leakage.leaks.association.expect_no_feature_to_reveal_target import ExpectNoFeatureToRevealTarget
from gx_leakage.leaks.association.expect_row_ids_to_be_independent_of_target import ExpectRowIdsToBeIndependentOfTarget
from gx_leakage.leaks.association.expect_target_encodings_to_be_out_of_fold import ExpectTargetEncodingsToBeOutOfFold
from gx_leakage.leaks.fingerprints.expect_preprocessing_to_be_fitted_on_train_batch_only import (
    ExpectPreprocessingToBeFittedOnTrainBatchOnly,
)
from gx_leakage.leaks.overlap.expect_no_identical_rows_across_batches import ExpectNoIdenticalRowsAcrossBatches
from gx_leakage.leaks.overlap.expect_no_shared_group_ids_across_batches import (
    ExpectNoSharedGroupIdsAcrossBatches,
)
from gx_leakage.leaks.timeline.expect_batches_to_be_ordered_in_time import ExpectBatchesToBeOrderedInTime
from gx_leakage.leaks.timeline.expect_features_to_be_available_at_prediction_time import (
    ExpectFeaturesToBeAvailableAtPredictionTime,
)
from gx_leakage.leaks.timeline.expect_label_windows_not_to_overlap_across_batches import (
    ExpectLabelWindowsNotToOverlapAcrossBatches,
)
from gx_leakage.leaks.timeline.expect_no_interleaved_frames_across_batches import (
    ExpectNoInterleavedFramesAcrossBatches,
)


def expectation_types() -> list[type[CrossBatchExpectation]]:
    """Return all Expectations of this package."""
    found = (globals()[name] for name in __all__ if name.startswith("Expect"))
    return list(found)


__all__ = [
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
    "expectation_types",
]
