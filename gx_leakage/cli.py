"""``gx-leakage``: audit splits, run the demo, read the handbook.

Exit codes: 0, no leak is proved; 1, a leak; 2, something could not be checked: the reason is on stderr, and nothing on
stdout.
"""

from __future__ import annotations

import atexit
import enum
import functools
import gc
import inspect
import logging
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
import yaml
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from gx_leakage.disclosure import known_urls, printable, redacted
from gx_leakage.errors import CouldNotCheckError, MissingFileError
from gx_leakage.families import roles

__all__ = ["command_line", "main"]

LEAK, COULD_NOT_CHECK = 1, 2

WIDE = 150
"""Columns that a terminal needs for the handbook's table; narrower ones get a row a fact."""

OF_SPLITS, OF_ROLES, OF_COMPARISON, OF_THRESHOLDS, OF_OUTPUT = (
    "Splits", "Roles of columns", "How splits are compared", "Thresholds", "Output"
)  # fmt: skip
"""The groups that options are listed in."""


class Format(str, enum.Enum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"
    HTML = "html"


class FailOn(str, enum.Enum):
    """From which severity on a finding makes the exit code 1."""

    CRITICAL = "critical"
    WARNING = "warning"


class Strategy(str, enum.Enum):
    """What is done with leaked rows."""

    JUDGED = "judged"
    TRAIN = "train"
    REASSIGN = "reassign"
    RESPLIT = "resplit"


def _option(panel: str, help_: str, *names: str, **how: Any) -> Any:
    return typer.Option(*names, help=help_, rich_help_panel=panel, **how)


SplitsArgument = Annotated[
    list[str],
    typer.Argument(
        help="The splits: NAME=FILE, or NAME=TABLE with --connection; one alone with --split-column. Or a "
        "leakage.yml, as init writes it. None with --dbt."
    ),
]
DbtOption = Annotated[
    Path | None,
    _option(
        OF_SPLITS,
        "A dbt project whose models say in meta: {leakage: …} which split they are, and what their columns are for.",
        "--dbt",
        metavar="DIR",
    ),
]
SplitColumnOption = Annotated[str | None, _option(OF_SPLITS, "The column whose values name the splits.")]
ConnectionOption = Annotated[
    str | None, _option(OF_SPLITS, "A SQLAlchemy URL; ${VAR} in it is taken from the environment.")
]
TrainOption = Annotated[str, _option(OF_SPLITS, "The split that models are fitted on.")]
DateFormatOption = Annotated[
    str | None, _option(OF_SPLITS, "How dates are written in text files, as strptime has it: '%d/%m/%Y'.")
]
MemoryOption = Annotated[str | None, _option(OF_SPLITS, "How much memory DuckDB may use for files: '2GB'.")]
ExcludeOption = Annotated[list[str], _option(OF_ROLES, "A column that no check looks at. Repeatable.")]
MostlyOption = Annotated[float, _option(OF_THRESHOLDS, "The share of judged rows that must be clean.", min=0, max=1)]
SetOption = Annotated[
    list[str],
    _option(
        OF_THRESHOLDS,
        "An argument of an Expectation, by its type as reports name it: expect_….mostly=0.95. Repeatable.",
        "--set",
        metavar="TYPE.ARGUMENT=VALUE",
    ),
]
FailOnOption = Annotated[
    FailOn,
    _option(OF_THRESHOLDS, "What exit code 1 is for: leaks that are proved, or suspicions (warning) too.", "--fail-on"),
]
FormatOption = Annotated[Format, _option(OF_OUTPUT, "How the report is printed.", "--format")]
DocsOption = Annotated[Path | None, _option(OF_OUTPUT, "Build Data Docs in this folder.")]
HideOption = Annotated[bool, _option(OF_OUTPUT, "Keep values of the data out of reports.", "--hide-values")]


def _with_roles(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with an option for each role that there is, in the place of its ``**named``."""
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]) for one in own]
    for role in roles().values():
        many = role.form.repeatable
        type_: Any = list[str]  # what is not repeatable is refused where it stands twice: the last would win
        annotation: Any = Annotated[
            type_,
            _option(
                OF_ROLES if role.of_columns else OF_COMPARISON,
                f"{role.help} Repeatable." if many else role.help,
                role.option,
                metavar=role.form.metavar or ("COLUMN" if role.of_columns else "TEXT"),
            ),
        ]
        default: Any = []
        options.append(
            inspect.Parameter(role.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        )

    @functools.wraps(command)
    def with_roles(**given: Any) -> None:
        command(**given)

    with_roles.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    with_roles.__annotations__ = {one.name: one.annotation for one in options}
    return with_roles


def audit(
    context: typer.Context,
    splits: SplitsArgument = [],  # noqa: B006
    split_column: SplitColumnOption = None,
    connection: ConnectionOption = None,
    dbt: DbtOption = None,
    train: TrainOption = "train",
    date_format: DateFormatOption = None,
    memory_limit: MemoryOption = None,
    exclude: ExcludeOption = [],  # noqa: B006
    mostly: MostlyOption = 1.0,
    set_: SetOption = [],  # noqa: B006
    fail_on: FailOnOption = FailOn.CRITICAL,
    hide_values: HideOption = False,
    format_: FormatOption = Format.TEXT,
    docs: DocsOption = None,
    save: Annotated[Path | None, _option(OF_OUTPUT, "Make this folder a GX project to run again.")] = None,
    accept: Annotated[
        bool, _option(OF_ROLES, "Check roles that are proposed and sure, too, beside those that are given.", "--accept")
    ] = False,
    measure: Annotated[
        bool,
        _option(
            OF_OUTPUT,
            "Fit a quick model with and without what leaks, and say what its score is worth; up to 100,000 rows leave "
            "the database for it. Needs a target, and the extra 'measure'.",
            "--measure",
        ),
    ] = False,
    **named: Any,
) -> None:
    """Check splits for leaks; without any role, make the checks that need none and propose roles."""
    given = _given(context)
    from gx_leakage.audit.run import audit as run

    with _working("Checking the splits"):
        report = run(**given, docs=docs, save=save, accept=accept, measure=measure)
    if report.proposals and not accept and not _is_config(splits):
        options = [word for one in report.proposals if one.sure for word in one.option]
        if options:
            report = replace(report, command=shlex.join(["gx-leakage", *map(_told, sys.argv[1:]), *options]))
    _finish(report, format_)


def fix(
    context: typer.Context,
    splits: SplitsArgument = [],  # noqa: B006
    split_column: SplitColumnOption = None,
    connection: ConnectionOption = None,
    dbt: DbtOption = None,
    train: TrainOption = "train",
    date_format: DateFormatOption = None,
    exclude: ExcludeOption = [],  # noqa: B006
    mostly: MostlyOption = 1.0,
    set_: SetOption = [],  # noqa: B006
    fail_on: FailOnOption = FailOn.CRITICAL,
    hide_values: HideOption = False,
    strategy: Annotated[
        Strategy,
        _option(
            OF_OUTPUT,
            "Drop leaked rows from the judged splits, or from train, reassign whole groups, or make new splits of all "
            "rows (resplit).",
        ),
    ] = Strategy.JUDGED,
    seed: Annotated[int, _option(OF_OUTPUT, "Which of many new splits resplit makes.")] = 0,
    allow: Annotated[
        bool,
        _option(OF_OUTPUT, "Let it cost more than half of a split, or 20 points of its proportion.", "--allow"),
    ] = False,
    drop_columns: Annotated[
        bool,
        _option(
            OF_OUTPUT,
            "Leave columns that leak out of all splits: those that are proved to, with --fail-on warning those that "
            "are suspected to.",
            "--drop-columns",
        ),
    ] = False,
    output: Annotated[Path | None, _option(OF_OUTPUT, "The folder that clean files are written to.")] = None,
    run: Annotated[
        bool, _option(OF_OUTPUT, "In a warehouse: make the tables, and do not only say how.", "--run")
    ] = False,
    **named: Any,
) -> None:
    """Write splits without the rows, or the columns, that leak, beside those that are given, and check them again."""
    given = _given(context)
    options: dict[str, Any] = {"run": run} if given.get("connection") else {"directory": output}
    if not given.get("connection") and output is None:
        raise CouldNotCheckError("name the folder that clean files are written to: --output DIR.")
    if given.get("connection") and output is not None:
        raise CouldNotCheckError("--output is for files: in a database --run makes tables beside those that are given.")
    if run and not given.get("connection"):
        raise CouldNotCheckError("--run is for tables of a database: files are written where --output says.")
    from gx_leakage.audit.run import audit

    with _working("Looking for leaks, and dropping them"):
        report = audit(**given)
        options |= {"seed": seed, "allow": allow, "drop_columns": drop_columns, "shown": _say}
        cleaned = report.clean_splits(strategy.value, **options)
    made = ", ".join(map(str, cleaned.splits.values()))
    if cleaned.report is not None and cleaned.report.errors:
        reasons = "\n".join(finding.sentence for finding in cleaned.report.errors)
        raise CouldNotCheckError(f"wrote {made}, which could not be checked again: {reasons}")
    for statement in cleaned.sql:
        print(_told(f"{statement};\n"))  # noqa: T201
    for sentence in cleaned.not_fixed:
        _say(f"to be mended by hand: {sentence}")
    if cleaned.report is None:
        _say("nothing was made yet: --run makes the tables.")
        return
    print(_told(f"wrote {made}"))  # noqa: T201
    _finish(cleaned.report, Format.TEXT)


def init(
    splits: Annotated[list[str], typer.Argument(help="The splits, as audit takes them.")],
    split_column: SplitColumnOption = None,
    connection: ConnectionOption = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("leakage.yml"),
    project: Annotated[Path | None, typer.Option(help="Make this folder a GX project that is ready to run.")] = None,
) -> None:
    """Write a leakage.yml with the roles that columns look like they have, and a GX project on demand."""
    if output.exists():
        raise CouldNotCheckError(f"{output} exists already, and is not overwritten: name another one with --output.")
    if connection is not None and "$" not in connection:
        raise CouldNotCheckError(
            "a connection with its credentials is not written into a file: put it into an environment variable, and "
            "give its name: --connection '${WAREHOUSE}'."
        )
    if project is not None and project.exists() and any(project.iterdir()):
        raise CouldNotCheckError(f"the folder {project} is not empty, and nothing is written over.")
    named = _named(splits, connection)
    from gx_leakage.audit.config import load, written
    from gx_leakage.audit.run import audit as run
    from gx_leakage.audit.run import proposed

    with _working("Looking at the columns"):
        found, train = proposed(named, split_column=split_column, connection=connection)
    placed = named if connection is not None else {n: os.path.relpath(f, output.parent) for n, f in named.items()}
    output.write_text(
        written(placed, found, connection=connection, split_column=split_column, train=train), encoding="utf-8"
    )
    print(_told(f"wrote {output}: look at its roles, then run gx-leakage audit {output}"))  # noqa: T201
    if project is not None:
        with _working("Making the project"):
            run(**load(output), save=project)
        again = f"gx.get_context(context_root_dir={str(project)!r}).checkpoints.get('leakage').run()"
        print(_told(f"made {project}: {again} runs it again"))  # noqa: T201


def guard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A GX project, or the folder that it is in.")],
) -> None:
    """Put our expectations store into a GX project, so that no process drops its leak checks, or deletes them."""
    from gx_leakage.gx.guarded import guard_file, project_file

    print(_told(f"{guard_file(project_file(folder))} names the store of gx_leakage"))  # noqa: T201


def demo(
    format_: FormatOption = Format.TEXT,
    docs: Annotated[Path, typer.Option(help="Build Data Docs in this folder.")] = Path("leakage_docs"),
) -> None:
    """Audit the sample data, in which a split by row leaks, and build its Data Docs."""
    from gx_leakage import sample
    from gx_leakage.audit.run import audit as run

    with _working("Checking Grunfeld's investment data, split by row"):
        report = run(
            {"train": sample.file("firms_train.csv"), "test": sample.file("firms_test.csv")},
            group="firm",
            time="year",
            docs=docs,
        )
    _finish(report, format_, exit_code=0)


def cases(case_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A page's id.")] = None) -> None:
    """Print the handbook's table of leaks, or one page."""
    from gx_leakage import cases as handbook

    console = Console()
    if case_id is not None:
        case = handbook.get(case_id)
        console.print(Markdown(case.body))
        return
    titles = ("Id", "Leak", "Effect", "Symptom", "Stage", "Where in code", "Met in")
    rows = [
        (case.id, case.title, case.effect, case.symptom, ", ".join(case.stage), case.where_in_code, case.places)
        for case in handbook.all_cases().values()
    ]
    if console.width >= WIDE:
        table = Table(*titles, show_lines=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
        return
    table = Table(show_header=False)
    for row in rows:
        for title, text in zip(titles, row, strict=True):
            table.add_row(title, Text(text, style="bold" if title == "Id" else ""))
        table.add_section()
    console.print(table)


def command_line() -> typer.Typer:
    """Return the commands, with options for the roles of all families that are installed."""
    app = typer.Typer(
        name="gx-leakage",
        help="Find data leaks between the splits of machine-learning data.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in (_with_roles(audit), _with_roles(fix), init, guard, demo, cases):
        app.command()(command)
    return app


def main() -> None:
    """Run the command line."""
    # What Great Expectations loads is there until the process ends: a quarter of the time of a small audit would go
    # into looking through it for garbage, and at the end into taking it apart.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    # What GX logs and warns of is in the report, and would be in the way of it.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # What is being written has to go when the process is told to; and exit code 1 means a leak.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, _: sys.exit(128 + number))
    try:
        command_line()()
    except CouldNotCheckError as error:
        _fail(str(error))
    except Exception as error:  # noqa: BLE001 (exit code 1 means a leak, so that nothing else may end with it)
        _fail(f"{type(error).__name__}: {error}")


def _finish(report: Any, format_: Format, exit_code: int | None = None) -> None:
    if report.errors:
        _fail("\n".join(f"{finding.expectation}: {finding.sentence}" for finding in report.errors))
    try:
        if format_ is Format.JSON:
            print(report.to_json())  # noqa: T201
        elif format_ is Format.MARKDOWN:
            print(report.to_markdown(), end="")  # noqa: T201
        elif format_ is Format.SARIF:
            print(report.to_sarif())  # noqa: T201
        elif format_ is Format.JUNIT:
            print(report.to_junit(), end="")  # noqa: T201
        elif format_ is Format.HTML:
            print(report.to_html(), end="")  # noqa: T201
        else:
            Console().print(report)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads has read enough; the verdict is that of the exit code all the same.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if exit_code is None:
        exit_code = 0 if report.success else LEAK
    raise typer.Exit(exit_code)


def _fail(message: str) -> None:
    print(f"gx-leakage: {_told(message)}", file=sys.stderr)  # noqa: T201
    sys.exit(COULD_NOT_CHECK)


def _say(cost: str) -> None:
    """Say what clean splits cost, and else what is no part of what is printed."""
    print(f"gx-leakage: {_told(cost)}", file=sys.stderr)  # noqa: T201


def _told(text: str) -> str:
    """Return a text without credentials, and without what a terminal would obey."""
    return printable(redacted(text, known_urls(sys.argv)))


def _is_config(splits: list[str]) -> bool:
    return len(splits) == 1 and Path(splits[0]).suffix in (".yml", ".yaml")


# What is done with a run is the command line's to say; all else stands in the file where one is named.
_OF_THE_RUN = (
    "context", "splits", "dbt", "format_", "docs", "save", "accept", "measure", "strategy", "seed", "allow",
    "drop_columns", "output", "run",
)  # fmt: skip


def _given(context: typer.Context) -> dict[str, Any]:
    """Return the arguments of an audit: those of the command line, or of the file that it names."""
    given = {name: value for name, value in context.params.items() if name not in _OF_THE_RUN}
    splits: list[str] = context.params["splits"]
    from_file: dict[str, Any] = {}
    project: Path | None = context.params["dbt"]
    if not splits and project is None:
        raise CouldNotCheckError("no splits are given: NAME=FILE of each, a leakage.yml, or --dbt DIR.")
    if splits and project is not None:
        raise CouldNotCheckError("--dbt says which splits there are, and others are given: leave out one of them.")
    if project is not None or _is_config(splits):
        if project is not None:
            from gx_leakage.audit import dbt

            from_file = dbt.load(project, connection=given["connection"])
        else:
            from gx_leakage.audit import config

            from_file = config.load(Path(splits[0]))
        # What is said on the command line is added to the file, or stands in the place of what it says.
        said = {n for n in given if str(context.get_parameter_source(n)).endswith("COMMANDLINE")}
        given = {name: value for name, value in given.items() if name in said}
    for role in roles().values():
        said_of_it = given.pop(role.name, [])
        if len(said_of_it) > 1 and not role.form.repeatable:
            raise CouldNotCheckError(f"{role.option} is given {len(said_of_it)} times, and can be one only.")
        if said_of_it:
            value = said_of_it if role.form.repeatable else said_of_it[0]
            given[role.name] = _read(role.option, role.form.read_option, value)
    if "fail_on" in given:
        given["fail_on"] = given["fail_on"].value
    if "hide_values" in given:
        given["show_values"] = not given.pop("hide_values")
    if "set_" in given:
        given["arguments"] = _arguments(given.pop("set_"), from_file.get("arguments", {}))
    if not from_file:
        from_file = {"splits": _named(splits, given["connection"])}
    return {**from_file, **given}


def _read(option: str, reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        shown = value if isinstance(value, str) else " ".join(value)
        raise CouldNotCheckError(f"{option} {shown} is not {error}.") from None


def _arguments(given: list[str], known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the arguments of Expectations, those of a file with those of ``--set``."""
    found = {name: dict(arguments) for name, arguments in known.items()}
    for text in given:
        place, equals, value = text.partition("=")
        type_, dot, argument = place.partition(".")
        if not (equals and dot and type_ and argument):
            raise CouldNotCheckError(f"--set {text} is not of the form TYPE.ARGUMENT=VALUE.")
        found.setdefault(type_, {})[argument] = yaml.safe_load(value)
    return found


def _named(splits: list[str], connection: str | None = None) -> dict[str, str]:
    """Return the splits by name: the one before the equals sign, or else what tells their files or tables apart."""
    pairs = [_name_and_place(given, files=connection is None) for given in splits]
    names = [name for name, _ in pairs]
    if connection is None:
        # a/data.csv and b/data.csv are a and b; so are the folders split=a and split=b.
        folders = [Path(place).absolute().parent.name.rpartition("=")[2] for _, place in pairs]
        unnamed = [place == given for (_, place), given in zip(pairs, splits, strict=True)]
        names = [
            folder if alone and names.count(name) > 1 else name
            for name, folder, alone in zip(names, folders, unnamed, strict=True)
        ]
    found: dict[str, str] = {}
    for name, (_, place) in zip(names, pairs, strict=True):
        if connection is None and not Path(place).exists():
            raise MissingFileError(Path(place))
        if name in found:
            raise CouldNotCheckError(
                f"two splits are called '{name}': give each a name of its own, with "
                f"NAME={'FILE' if connection is None else 'TABLE'}."
            )
        found[name] = place
    return found


def _name_and_place(given: str, *, files: bool) -> tuple[str, str]:
    name, equals, place = given.partition("=")
    if files and equals and Path(given).exists():
        if Path(place).exists():
            raise CouldNotCheckError(f"'{given}' is a file, and so is '{place}': write NAME={given}, or NAME={place}.")
        equals = ""  # a folder such as split=train
    if equals:
        return name, place
    return (Path(given).name.split(".")[0] or given if files else given), given


def _working(what: str) -> Any:
    """Show that something is being done, where somebody is looking."""
    return Console(stderr=True).status(f"{what} …")
