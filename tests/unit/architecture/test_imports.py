"""Who may import what, where import-linter does not look: single names, and imports that hide."""

import ast

from tests.unit.architecture.sources import Module, modules

MAY_WRITE_SQL = {
    "adapters.sql.tenancy": "the one place that knows the company in SQL",
    "adapters.sql.tables": "server defaults, and the predicates and expressions of indexes, are SQL",
}
MAY_READ_ENVIRONMENT = {
    "entrypoints.settings": "the one reader of settings",
    "adapters.postgres_embedded.commands": "passes PATH on to initdb and pg_ctl, which run with no other variable",
    "adapters.prometheus.sharing": "names the folder that prometheus_client looks for there, for the processes it starts",
}


class TestImports:
    def test_sql_is_written_where_the_tenant_wall_stands_and_nowhere_else(self) -> None:
        offenders = {
            module.name
            for module in modules()
            if any(name.startswith("sqlalchemy") and name.endswith(".text") for name in module.imports())
            or _uses_attribute(module, "sqlalchemy", "text")
        }
        assert {name for name in offenders if not _is_in(name, MAY_WRITE_SQL)} == set()

    def test_only_the_wall_and_the_doors_across_companies_name_the_setting_of_the_company(self) -> None:
        knows = {
            module.name
            for module in modules()
            for node in module.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "app.company_id" in node.value
            if not _is_docstring(module, node)
        }
        # `founding` enters the new company, which nobody's session could open yet.
        assert knows <= {
            "adapters.sql.tenancy",
            "adapters.sql.system",
            "adapters.sql.founding",
            "adapters.sql.upkeep",
        }

    def test_only_one_module_retries(self) -> None:
        assert {module.name for module in modules() if any(n.startswith("tenacity") for n in module.imports())} <= {
            "adapters.retrying"
        }

    def test_no_import_is_for_the_type_checker_alone(self) -> None:
        assert {module.name for module in modules() if _names(module, "TYPE_CHECKING")} == set()

    def test_no_import_hides_in_a_function(self) -> None:
        offenders = {
            f"{module.path}:{node.lineno}"
            for module in modules()
            for function in module.nodes
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        assert offenders == set()

    def test_the_environment_is_read_by_the_settings_alone(self) -> None:
        readers = {
            module.name
            for module in modules()
            if any(
                isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
                for node in module.nodes
            )
            or any(name in ("os.environ", "os.getenv") for name in module.imports())
        }
        assert readers <= MAY_READ_ENVIRONMENT.keys()

    def test_the_core_asks_its_ports_for_time_ids_and_randomness(self) -> None:
        forbidden = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "token_bytes", "token_hex", "random", "time"}
        offenders = {
            f"{module.path}:{node.lineno}"
            for module in modules()
            if module.is_in("core")
            for node in module.nodes
            if isinstance(node, ast.Call) and _called(node) in forbidden and not _is_the_clock(node)
        }
        assert offenders == set()

    def test_the_container_is_never_wired(self) -> None:
        offenders = {
            module.name
            for module in modules()
            if any(name.startswith("dependency_injector.wiring") for name in module.imports())
            or any(isinstance(n, ast.Call) and _called(n) == "wire" for n in module.nodes)
        }
        assert offenders == set()


def _is_in(name: str, packages: dict[str, str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _names(module: Module, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.alias) and node.name == name)
        for node in module.nodes
    )


def _uses_attribute(module: Module, owner: str, attribute: str) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.value, ast.Name)
        and node.value.id in (owner, "sa")
        for node in module.nodes
    )


def _is_docstring(module: Module, constant: ast.Constant) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return any(
        isinstance(node, documented)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and node.body[0].value is constant
        for node in module.nodes
    )


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_the_clock(call: ast.Call) -> bool:
    """`self._clock.now()`."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Attribute) and owner.attr == "_clock"
