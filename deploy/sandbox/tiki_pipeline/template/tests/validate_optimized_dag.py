"""What the optimised DAG uses, and whether each XCom key that is pulled is pushed. Reads the sources; needs no Airflow.

It reports; its exit status is always 0.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DAG = ROOT / "dags/tiki_crawl_products_optimized_dag.py"
INTEGRATION = ROOT / "src/pipelines/dag_integration.py"
USES = {
    "integration module": "dag_integration",
    "parallel crawler": "crawl_products_parallel",
    "shared cache": "Cache",
    "batch loader": "loader_optimized",
    "infrastructure monitor": "infrastructure_monitor",
}


def calls(tree: ast.AST, name: str) -> list[dict[str, str]]:
    """The text arguments by keyword of each call of a method with this name."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            found.append({k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)})
    return found


def main() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (DAG, INTEGRATION)]
    trees = [ast.parse(source) for source in sources]
    names = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {alias.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {label: name in names for label, name in USES.items()}
    for label, there in used.items():
        print(f"  {'OK  ' if there else 'MISS'} uses the {label}")
    pushed = {call["key"] for tree in trees for call in calls(tree, "xcom_push")}
    pulled = {call["key"] for tree in trees for call in calls(tree, "xcom_pull")}
    for key in sorted(pushed | pulled):
        state = "pushed and pulled" if key in pushed & pulled else "pushed" if key in pushed else "pulled, never pushed"
        print(f"  {'OK  ' if key in pushed else 'MISS'} {key}: {state}")
    unmatched = pulled - pushed
    print(f"Usage: {sum(used.values())} of {len(USES)}")
    print(f"XCom: {len(pushed)} pushed, {len(pulled)} pulled, {len(unmatched)} unmatched")
    print(f"VALIDATION {'FAILED' if unmatched or not all(used.values()) else 'PASSED'}")


if __name__ == "__main__":
    main()
