"""The leaks: a folder a family, and in it a file an Expectation.

A family, here or in a package of somebody else's (an entry point of the group ``gx_leakage.expectations`` names it, see
:mod:`gx_leakage.families`), is new files in one folder:

``__init__.py``
    ``ROLES``: a tuple of :class:`gx_leakage.roles.Role`, each with one of the forms of that module (``Column``,
    ``Columns``, ``Groups``, ``Pair``, ``Pairs``, …); ``looks_like`` is given the
    :class:`~gx_leakage.splits.profile.Profile` of the splits. ``place`` says when it is proposed. It imports nothing
    heavy.
``evidence.py``, or as many modules as there are questions
    ``gather(relations, **question)`` asks the :class:`~gx_leakage.splits.relations.Relations` by SQLAlchemy statements
    (``relations.stack(columns).select(…)`` is the rows of all splits with ``split_no``, ``relations.fetch`` runs one)
    and returns small facts. Where rows leak, ``leaked_rows(relations, side, **question)`` returns
    :class:`~gx_leakage.splits.relations.LeakedRows` for the side ``"judged"`` or ``"train"``, which the query for users
    and ``fix`` are made of; with ``together`` whole groups can be moved (``reassign``), and with ``together`` or
    ``ordered`` new splits keep to it (``resplit``).
``expect_….py``
    One :class:`~gx_leakage.gx.expectation.CrossBatchExpectation` of that name in camel case: its arguments, ``case``,
    ``checks``, ``evidence``, ``roles``, ``sentence``, and the methods ``question`` (``samples`` is how many values of
    the data it may return) and ``judge``; ``planned`` and ``picture`` where the defaults are not enough.
``cases/<id>.md``
    The page of the handbook (ours stand in ``cases`` of the repository): front matter as theirs, and their headings.
``expect_….yaml``
    Small tables that pass and fail, which ``tests/expectations/test_tables.py`` runs on every engine.
"""
