"""The expectations store that GX projects of ours name in great_expectations.yml.

GX loads a stored suite without the Expectations that nobody registered, logs an error and validates what is left: the
leak checks are off and the run is green. Naming this module in the project closes that trap twice: GX imports it when
the context loads, which registers the Expectations, and a suite with an unknown type is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from great_expectations.data_context.store.expectations_store import ExpectationsStore as _ExpectationsStore
from great_expectations.expectations.registry import get_expectation_impl

from gx_leakage.families import expectation_types
from gx_leakage.gx import project

__all__ = ["ExpectationsStore"]


expectation_types()  # registers them


class ExpectationsStore(_ExpectationsStore):
    """GX's store, but an Expectation type that is not registered is an error.

    The class has to have this name: for any other GX adds a store of its own under the same key, and uses that.
    """

    def __init__(
        self,
        store_backend: dict[str, Any] | None = None,
        runtime_environment: dict[str, Any] | None = None,
        store_name: str = "no_store_name",
        data_context: Any = None,
    ) -> None:
        # GX looks at these names to know what to hand over.
        super().__init__(store_backend, runtime_environment, store_name, data_context)
        root = (runtime_environment or {}).get("root_directory")
        if root is not None:
            project.register(Path(root))

    def get(self, key: Any) -> Any:
        """Return a stored suite.

        Raises:
            ExpectationNotFoundError: the suite has an Expectation of a type that nobody registered.
        """
        stored = super().get(key)
        for expectation in stored.get("expectations", []):
            get_expectation_impl(expectation["type"])
        return stored
