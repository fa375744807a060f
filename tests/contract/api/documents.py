"""OpenAPI documents brought into one form, so that two of them can be compared."""

from typing import Any

Json = Any
"""A part of a parsed document."""

_WORDING = ("title", "summary", "description")
# Objects whose keys are names, not keywords: a property may well be called `title`.
_NAMED = frozenset({"properties", "headers", "schemas", "paths", "responses", "securitySchemes"})
_SHARED = ("responses", "parameters", "headers")


def normalised(document: dict[str, Json]) -> dict[str, Json]:
    """The document without wording, with shared responses, parameters and headers put where they are referred to."""
    shared = {f"#/components/{kind}/{name}": part for kind in _SHARED for name, part in _parts(document, kind).items()}
    components = {kind: parts for kind, parts in document["components"].items() if kind not in _SHARED}
    form: dict[str, Json] = _normal(document | {"components": components}, shared, named=False)
    return form


def _parts(document: dict[str, Json], kind: str) -> dict[str, Json]:
    parts: dict[str, Json] = document["components"].get(kind, {})
    return parts


def _normal(node: Json, shared: dict[str, Json], *, named: bool) -> Json:
    if isinstance(node, list):
        return [_normal(each, shared, named=False) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") in shared:
        return _normal(shared[node["$ref"]], shared, named=named)
    form = {
        key: _normal(value, shared, named=not named and key in _NAMED)
        for key, value in node.items()
        if named or key not in _WORDING
    }
    if isinstance(form.get("parameters"), list):
        form["parameters"].sort(key=lambda parameter: (parameter["in"], parameter["name"]))
    return form


def differences(left: Json, right: Json, place: str = "") -> list[str]:
    """Where two documents differ, each as a pointer into them."""
    if isinstance(left, dict) and isinstance(right, dict):
        found = [f"{place}/{key}" for key in sorted(left.keys() ^ right.keys())]
        for key in sorted(left.keys() & right.keys()):
            found += differences(left[key], right[key], f"{place}/{key}")
        return found
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            each for i, pair in enumerate(zip(left, right, strict=True)) for each in differences(*pair, f"{place}/{i}")
        ]
    return [] if (left, type(left)) == (right, type(right)) else [place]


def operations(document: dict[str, Json]) -> list[tuple[str, str, dict[str, Json]]]:
    """Method, path and description of each operation."""
    return [(method, path, each) for path, item in document["paths"].items() for method, each in item.items()]
