"""What the tasks do with plain data, without Airflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPORARY = "*.tmp.json"


def transform(products: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The products that are complete, with what is computed from them."""
    return [computed(product) for product in products if product.get("product_id") and product.get("price")]


def computed(product: dict[str, Any]) -> dict[str, Any]:
    """A product with savings, revenue and scores; what cannot be computed is None."""
    price, original = float(product["price"]), product.get("original_price")
    sold, rating = product.get("sales_count"), product.get("rating_average")
    savings = max(0.0, float(original) - price) if original else None
    return {
        **product,
        "discount_percent": round(100 * savings / float(original), 2) if savings is not None else None,
        "price_savings": savings,
        "discount_amount": savings,
        "estimated_revenue": round(price * sold, 2) if sold is not None else None,
        "popularity_score": round(sold / 10 + (product.get("review_count") or 0) / 5, 2) if sold is not None else None,
        "value_score": round(float(rating) * 100000 / price, 2) if rating else None,
        "sales_velocity": round(sold / 30, 2) if sold is not None else None,
    }


def save(products: Sequence[dict[str, Any]], folder: Path, run_id: str) -> int:
    """Keep the products as a temporary file for the time of the run; how many it holds."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in run_id)
    (folder / f"{name}.tmp.json").write_text(json.dumps(list(products)), encoding="utf-8")
    return len(products)


def clean_up(folder: Path) -> int:
    """Remove the temporary files; how many there were."""
    found = list(folder.glob(TEMPORARY)) if folder.exists() else []
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
