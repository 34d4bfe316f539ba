"""The practice shop: categories and products over HTTP, the same at every start.

`python shop.py --host 0.0.0.0 --port 8000`

    GET /health
    GET /categories?limit=N                {"items": [category…]}
    GET /categories/<id>/products?limit=N  {"items": [{"product_id", "url"}…]}
    GET /products/<id>                     a product, with an ETag; 304 to a request that names it

It uses the standard library only: it runs in a container that has nothing of this project but this file.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CATEGORIES, PRODUCTS = 24, 40
GOODS = ("lamp", "kettle", "backpack", "keyboard", "notebook", "teapot", "umbrella", "headset")
BRANDS = ("Anh Duong", "Bao Minh", "Cuu Long", "Dong Nai", "Ha Tien")


def category(number: int, base: str) -> dict[str, Any]:
    url = f"{base}/categories/{number}"
    return {
        "category_id": str(number),
        "name": f"{GOODS[number % len(GOODS)].title()}s {number}",
        "url": url,
        "image_url": f"{url}/image.jpg",
        "parent_url": None,
        "level": 0,
        "product_count": PRODUCTS,
    }


def product(number: int, base: str) -> dict[str, Any]:
    """A product as the shop tells of it; every tenth has no rating, every seventh no former price."""
    price = 20_000 + number * 7_919 % 900_000
    good, brand = GOODS[number // PRODUCTS % len(GOODS)], BRANDS[number % len(BRANDS)]
    return {
        "product_id": str(100_000 + number),
        "sku": f"TK-{number:06d}",
        "name": f"{brand} {good} no. {number}",
        "url": f"{base}/products/{number}",
        "image_url": f"{base}/products/{number}/image.jpg",
        "category_url": f"{base}/categories/{number // PRODUCTS}",
        "sales_count": number * 31 % 5_000,
        "price": price,
        "original_price": None if number % 7 == 0 else price + price // (3 + number % 4),
        "rating_average": None if number % 10 == 0 else round(3 + number % 20 / 10, 1),
        "review_count": number * 13 % 700,
        "description": f'A {good} by {brand}, "tried" and liked.\nTwo lines, Tiếng Việt.',
        "specifications": {"weight_g": 100 + number % 900, "colour": "blue" if number % 2 else "red"},
        "images": [f"{base}/products/{number}/{side}.jpg" for side in ("front", "back")],
        "seller_name": f"Seller {number % 10}",
        "seller_id": f"S{number % 10}",
        "seller_is_official": number % 3 == 0,
        "brand": brand,
        "stock_available": number % 11 != 0,
        "stock_quantity": number * 17 % 300,
        "stock_status": "available" if number % 11 else "sold out",
        "shipping": {"free": price > 300_000, "days": 1 + number % 4},
    }


def page(path: str, limit: int, base: str) -> Any:
    """What is at this path, or None."""
    parts = path.strip("/").split("/")
    numbers = [int(part) for part in parts if part.isdigit()]
    if parts == ["health"]:
        return {"status": "ok"}
    if parts == ["categories"]:
        return {"items": [category(number, base) for number in range(min(limit, CATEGORIES))]}
    if len(parts) == 3 and parts[2] == "products" and numbers and numbers[0] < CATEGORIES:
        first = numbers[0] * PRODUCTS
        wanted = range(first, first + min(limit, PRODUCTS))
        return {"items": [{"product_id": str(100_000 + n), "url": f"{base}/products/{n}"} for n in wanted]}
    if len(parts) == 2 and parts[0] == "products" and numbers and numbers[0] < CATEGORIES * PRODUCTS:
        return product(numbers[0], base)
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query).get("limit", ["1000"])[0]
        found = page(address.path, int(asked) if asked.isdigit() else 0, f"http://{self.headers.get('host', 'shop')}")
        payload = json.dumps(found if found is not None else {"error": "not found"}).encode()
        tag = f'"{hashlib.sha256(payload).hexdigest()[:16]}"'
        if found is not None and self.headers.get("if-none-match") == tag:
            self._send(304, b"", tag)
        else:
            self._send(404 if found is None else 200, payload, tag)

    def _send(self, status: int, payload: bytes, tag: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.send_header("etag", tag)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: an access log of a crawl is noise."""


def main() -> int:
    parser = argparse.ArgumentParser(description="the practice shop")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    with ThreadingHTTPServer((options.host, options.port), Handler) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
