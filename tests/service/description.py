"""openapi.json as a judge: is what the service answered what its description promises?

    description = Description(service.get("/openapi.json").json())
    description.judge("GET", "/health", answer)        # raises AssertionError

The judge is stricter than the document: a member that no schema names is a fault, too.
"""

import copy
import re

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def _closed(node):
    """Objects hold the members that the description names, and no others."""
    if isinstance(node, dict):
        for value in node.values():
            _closed(value)
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
    elif isinstance(node, list):
        for value in node:
            _closed(value)


def _pointer(*parts):
    return "urn:description#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


class Description:
    def __init__(self, document):
        self.document = copy.deepcopy(document)
        _closed(self.document["components"]["schemas"])
        self.registry = Registry().with_resource(
            "urn:description", Resource.from_contents(self.document, default_specification=DRAFT202012))
        self.templates = [(path, re.compile("".join(
            "[^/]+?" if piece.startswith("{") else re.escape(piece) for piece in re.split(r"(\{\w+\})", path)) + r"\Z"))
            for path in self.document["paths"]]
        self.met = set()

    def operations(self):
        """(method, path) of every operation."""
        return [(method.upper(), path) for path, item in self.document["paths"].items() for method in item
                if method in ("get", "post", "put", "delete", "patch")]

    def find(self, method, path):
        """The path's template and its operation; (None, None) for what is not described."""
        path = path.split("?")[0]
        # A path without braces goes before one with.
        for template, pattern in sorted(self.templates, key=lambda entry: "{" in entry[0]):
            if pattern.match(path):
                return template, self.document["paths"][template].get("get" if method == "HEAD" else method.lower())
        return None, None

    def _resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def _check(self, what, schema, value):
        validator = Draft202012Validator(schema, registry=self.registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        faults = sorted(validator.iter_errors(value), key=lambda fault: list(map(str, fault.absolute_path)))
        assert not faults, f"{what}: " + "; ".join(f"{fault.json_path}: {fault.message[:200]}" for fault in faults[:5])

    def _check_references(self, node):
        """A schema of the document with its references made absolute."""
        if isinstance(node, dict):
            return {name: "urn:description" + value if name == "$ref" else self._check_references(value)
                    for name, value in node.items()}
        if isinstance(node, list):
            return [self._check_references(value) for value in node]
        return node

    def check_schema(self, name, value):
        self._check(name, {"$ref": _pointer("components", "schemas", name)}, value)

    def judge(self, method, path, answer):
        """Status, headers, content type and body of a requests.Response."""
        what = f"{method} {path} answered {answer.status_code}"
        template, operation = self.find(method, path)
        if operation is None or answer.status_code == 405 or method == "OPTIONS":
            return
        assert str(answer.status_code) in operation["responses"], f"{what}, which openapi.json does not know: {answer.text[:200]}"
        self.met.add((method, template, answer.status_code))
        response = self._resolve(operation["responses"][str(answer.status_code)])
        for name, header in response.get("headers", {}).items():
            header = self._resolve(header)
            value = answer.headers.get(name)
            if value is None:
                assert not header.get("required"), f"{what} without the header {name}"
                continue
            schema = self._check_references(header["schema"])
            self._check(f"{what}, header {name}", schema, int(value) if schema.get("type") == "integer" else value)
        content = response.get("content")
        if content is None:
            assert not answer.content, f"{what} with a body of {len(answer.content)} bytes"
            return
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
        assert kind in content, f"{what} with Content-Type {kind!r}"
        if kind == "application/json" and method != "HEAD":
            self._check(what, self._check_references(content[kind]["schema"]), answer.json())
