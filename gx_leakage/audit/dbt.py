"""The splits and roles that models of a dbt project declare in their ``meta``, and the connection of its profile.

A model is a split by ``meta: {leakage: {split: train, group: patient_id, target: died}}``, or holds all of them by
``{split_column: split, …}``; a column has a role by ``meta: {leakage: group}``. What the models say is one audit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from gx_leakage.audit.config import SETTINGS, read_setting
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.families import roles
from gx_leakage.splits.relations import in_usual_order

__all__ = ["VARIABLE", "load"]

VARIABLE = "GX_LEAKAGE_DBT"
"""The environment variable that holds the connection of the profile, so that no report and no file does."""


def load(folder: Path, *, connection: str | None = None) -> dict[str, Any]:
    """Return the arguments of :func:`gx_leakage.audit` that a dbt project declares.

    Args:
        folder: The project, of which ``dbt parse`` or any run has left ``target/manifest.json``.
        connection: A SQLAlchemy URL; None takes the profile's, which is then in the environment by :data:`VARIABLE`.

    Raises:
        CouldNotCheckError: there is no manifest, no model declares a split, two declare different things, or the
            profile is of an adapter that we know no URL of.
    """
    manifest = folder / "target" / "manifest.json"
    if not manifest.exists():
        raise CouldNotCheckError(f"there is no {manifest}: run dbt parse, or dbt build, in {folder} first.")
    try:
        held = json.loads(manifest.read_text(encoding="utf-8"))
        nodes = [*held["nodes"].values(), *held.get("sources", {}).values()]
        named = [(node, str(node["name"]), _said(node)) for node in nodes]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CouldNotCheckError(f"{manifest} is no manifest of dbt ({type(error).__name__}: {error}).") from None
    splits: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    said_by: dict[str, str] = {}
    for node, model, said in named:
        if not said:
            continue
        for name, value in _arguments(model, said).items():
            if name in arguments and arguments[name] != value:
                raise CouldNotCheckError(
                    f"models '{said_by[name]}' and '{model}' say two things of {name}: {arguments[name]} and {value}."
                )
            arguments[name], said_by[name] = value, model
        split = said.get("split", model if "split_column" in said else None)
        if split is None:
            continue
        if split in splits:
            raise CouldNotCheckError(f"{splits[split]} and the model '{model}' are both the split '{split}'.")
        table = node.get("alias") or node.get("identifier") or model
        splits[str(split)] = f"{node['schema']}.{table}" if node.get("schema") else str(table)
    if not splits:
        raise CouldNotCheckError(
            f"no model of {folder} is a split: give one meta: {{leakage: {{split: train}}}}, and run dbt parse."
        )
    if connection is None:
        os.environ[VARIABLE] = _url(folder, _output(folder)).render_as_string(hide_password=False)
        connection = "${" + VARIABLE + "}"
    ordered = {name: splits[name] for name in in_usual_order(list(splits))}
    return {"splits": ordered, "connection": connection, **arguments}


def _said(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model says, with what its columns say of themselves."""
    said = _meta(node)
    found: dict[str, Any] = dict(said) if isinstance(said, Mapping) else {}
    if said and not found:
        raise CouldNotCheckError(f"meta.leakage of the model '{node['name']}' has to be a mapping: {{split: train}}.")
    for column, held in (node.get("columns") or {}).items():
        named = _meta(held)
        for role in [named] if isinstance(named, str) else named or []:
            before = found.get(role, [])
            found[str(role)] = [*(before if isinstance(before, list) else [before]), column]
    return found


def _meta(held: Mapping[str, Any]) -> Any:
    """Return what stands under ``leakage``, in the ``meta`` of newer or of older manifests."""
    of_config = (held.get("config") or {}).get("meta") or {}
    return of_config.get("leakage") or (held.get("meta") or {}).get("leakage")


def _arguments(model: str, said: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in said.items():
        if name == "split":
            continue
        known = ["split", *roles(), *(setting for setting in SETTINGS if setting != "connection")]
        if name not in known:
            raise CouldNotCheckError(f"meta.leakage of the model '{model}' knows no '{name}'. {nearest(name, known)}")
        one = value[0] if isinstance(value, list) and len(value) == 1 else value
        try:
            found[name] = roles()[name].form.read(one) if name in roles() else read_setting(name, one)
        except ValueError as error:
            raise CouldNotCheckError(f"meta.leakage of the model '{model}': {name} has to be {error}.") from None
    return found


def _output(folder: Path) -> dict[str, Any]:
    """Return the connection that dbt would use, by its profile and target."""
    project = _yaml(folder / "dbt_project.yml")
    name = project.get("profile")
    for place in _places(folder):
        if not place.exists():
            continue
        profiles = _yaml(place)
        if name not in profiles:
            raise CouldNotCheckError(f"{place} has no profile '{name}'. {nearest(str(name), profiles)}")
        if not isinstance(profiles[name], dict):
            raise CouldNotCheckError(f"the profile '{name}' of {place} has no outputs.")
        outputs = profiles[name].get("outputs") or {}
        target = os.environ.get("DBT_TARGET") or profiles[name].get("target") or "default"
        if target not in outputs:
            raise CouldNotCheckError(f"{place} has no target '{target}'. {nearest(str(target), outputs)}")
        found: dict[str, Any] = outputs[target]
        return found
    raise CouldNotCheckError(
        f"there is no profiles.yml in {' or '.join(str(place.parent) for place in _places(folder))}: give --connection."
    )


def _places(folder: Path) -> Iterator[Path]:
    """Return where dbt looks for profiles, first ones first."""
    if "DBT_PROFILES_DIR" in os.environ:
        yield Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml"
    yield folder / "profiles.yml"
    yield Path.home() / ".dbt" / "profiles.yml"


def _yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        environment = SandboxedEnvironment(undefined=StrictUndefined)
        environment.globals["env_var"] = _variable
        found = yaml.safe_load(environment.from_string(text).render())
    except (OSError, TemplateError, yaml.YAMLError) as error:
        raise CouldNotCheckError(f"{path} cannot be read ({type(error).__name__}): give --connection.") from None
    if not isinstance(found, dict):
        raise CouldNotCheckError(f"{path} holds no settings of dbt.")
    return found


def _variable(name: str, default: str | None = None) -> str:
    found = os.environ.get(name, default)
    if found is None:
        raise CouldNotCheckError(f"the environment has no variable '{name}', which the profile names.")
    return found


def _url(folder: Path, output: Mapping[str, Any]) -> sa.URL:
    kind = str(output.get("type"))
    if kind not in _URLS:
        raise CouldNotCheckError(
            f"the profile is of '{kind}', of which no URL is known ({', '.join(_URLS)} are): give --connection."
        )
    try:
        return _URLS[kind](folder, output)
    except KeyError as error:
        raise CouldNotCheckError(f"the profile of '{kind}' lacks {error}: give --connection.") from None


def _server(drivername: str) -> Callable[[Path, Mapping[str, Any]], sa.URL]:
    def url(_: Path, output: Mapping[str, Any]) -> sa.URL:
        return sa.URL.create(
            drivername, username=output.get("user"), password=output.get("password", output.get("pass")),
            host=output["host"], port=output.get("port"), database=output.get("dbname") or output["database"],
        )  # fmt: skip

    return url


def _duckdb(folder: Path, output: Mapping[str, Any]) -> sa.URL:
    path = str(output["path"])
    elsewhere = path.startswith(("md:", "motherduck:", ":"))
    return sa.URL.create("duckdb+gx", database=path if elsewhere else str((folder / path).resolve()))


def _snowflake(_: Path, output: Mapping[str, Any]) -> sa.URL:
    query = {name: str(output[name]) for name in ("warehouse", "role", "authenticator") if output.get(name)}
    return sa.URL.create(
        "snowflake", username=output["user"], password=output.get("password"), host=output["account"],
        database=output["database"], query=query,
    )  # fmt: skip


def _bigquery(_: Path, output: Mapping[str, Any]) -> sa.URL:
    query = {"credentials_path": str(output["keyfile"])} if output.get("keyfile") else {}
    return sa.URL.create("bigquery", host=output.get("project") or output["database"], query=query)


def _databricks(_: Path, output: Mapping[str, Any]) -> sa.URL:
    query = {"http_path": str(output["http_path"])}
    query |= {name: str(output[name]) for name in ("catalog", "schema") if output.get(name)}
    return sa.URL.create(
        "databricks", username="token", password=output["token"], host=output["host"], port=443, query=query
    )


def _sqlite(folder: Path, output: Mapping[str, Any]) -> sa.URL:
    return sa.URL.create("sqlite", database=str((folder / output["schemas_and_paths"]["main"]).resolve()))


_URLS: dict[str, Callable[[Path, Mapping[str, Any]], sa.URL]] = {
    "bigquery": _bigquery,
    "databricks": _databricks,
    "duckdb": _duckdb,
    "mysql": _server("mysql+pymysql"),
    "postgres": _server("postgresql"),
    "redshift": _server("redshift+psycopg2"),
    "snowflake": _snowflake,
    "sqlite": _sqlite,
}
"""By adapter of dbt how its outputs are written as a URL of SQLAlchemy."""
