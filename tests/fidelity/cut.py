#!/usr/bin/env python3
"""Cuts Okta's OpenAPI document down to the endpoints that our simulator has, as the checks of fidelity read it.

    tests/fidelity/cut.py SOURCE [ROUTES] > tests/fidelity/okta-management.json

SOURCE is one YAML document made of `dist/current/management-minimal.yaml` and `dist/current/oauth-minimal.yaml` of
github.com/okta/okta-management-openapi-spec at commit fdda229e82940cf5af4611ad673ca6a27974e31b. Components of the latter have the prefix
OrgAs_; REPAIRED says what was mended in it, so that it is valid. ROUTES is what `simulators --routes` prints; by default the command is
asked (`CARGO_TARGET_DIR`).

Left out are: operations that the simulator has not, components that nothing names any more, and what nothing is judged by
(descriptions, summaries, examples, tags and extensions). Nothing that says which request or answer is right is changed.
"""

import json
import re
import subprocess
import sys

import yaml

from processes import target

METHODS = {"get", "post", "put", "patch", "delete"}
PROSE = {"description", "summary", "example", "examples", "externalDocs", "tags", "x-displayName"}
REPAIRED = (
    "Mended before: duplicate values of enums (EnrollmentPolicyAuthenticatorGracePeriod.type, OrgAs_GrantType), defaults that "
    "contradict their type (Policy), a oneOf that refers back to itself (OrgAs_JsonSigningWebKey), subtypes of Application and Policy "
    "left out."
)
NOTICE = (
    "Cut from Okta's OpenAPI documents (github.com/okta/okta-management-openapi-spec, commit "
    "fdda229e82940cf5af4611ad673ca6a27974e31b, API version 2026.06.3; author: Okta, Inc.; licence: Apache-2.0) by "
    "tests/fidelity/cut.py, which says what was left out. Components of the OAuth document have the prefix OrgAs_. " + REPAIRED
)


def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def without_prose(node, names=False):
    """The same without what only people read. Where `names` is true the keys are names that somebody chose, not words of OpenAPI."""
    if isinstance(node, list):
        return [without_prose(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if not names and (key in PROSE or (isinstance(key, str) and key.startswith("x-"))):
            continue
        # A description is required of a response.
        inside = not names and key in ("properties", "paths", "schemas", "responses", "parameters", "headers", "requestBodies",
                                       "securitySchemes", "callbacks", "links", "mapping", "variables", "scopes", "default", "enum")
        kept[str(key)] = value if key in ("default", "enum", "mapping", "scopes") and not names else without_prose(value, inside)
    return kept


def named(node):
    """Every component that a part of the document names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif key == "mapping" and isinstance(value, dict):
                yield from (one for one in value.values() if isinstance(one, str))
            else:
                yield from named(value)
    elif isinstance(node, list):
        for one in node:
            yield from named(one)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with open(sys.argv[1]) as source:
        document = yaml.load(source, yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
    if len(sys.argv) == 3:
        with open(sys.argv[2]) as listed:
            routes = listed.read()
    else:
        routes = subprocess.run([target() / "debug/simulators", "--routes"], check=True, capture_output=True, text=True).stdout
    wanted = {(method.lower(), shape(path))
              for vendor, method, path in map(str.split, routes.splitlines()) if vendor == "okta"}

    paths = {}
    for path, item in document["paths"].items():
        kept = {key: value for key, value in item.items() if key not in METHODS or (key, shape(path)) in wanted}
        if METHODS & kept.keys():
            paths[path] = kept
    whole = {kind: dict(entries) for kind, entries in document["components"].items()}
    used, rest = set(), list(named(paths))
    while rest:
        reference = rest.pop()
        if reference in used:
            continue
        used.add(reference)
        _, _, kind, name = reference.split("/")
        rest.extend(named(whole[kind][name]))
    components = {kind: {name: one for name, one in entries.items()
                         if kind == "securitySchemes" or f"#/components/{kind}/{name}" in used}
                  for kind, entries in whole.items()}
    cut = without_prose({**document, "paths": paths, "components": {kind: one for kind, one in components.items() if one}})
    for item in cut["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                for response in operation.get("responses", {}).values():
                    response.setdefault("description", "")
    for response in cut["components"].get("responses", {}).values():
        response.setdefault("description", "")
    cut["info"]["description"] = NOTICE
    json.dump(cut, sys.stdout, indent=1, sort_keys=False, default=str)
    print()


if __name__ == "__main__":
    main()
