CREATE INDEX CONCURRENTLY idx_products_barcode ON products (barcode);
