CREATE INDEX CONCURRENTLY idx_products_url ON products (url);
CREATE INDEX CONCURRENTLY idx_products_sku ON products (sku);
CREATE INDEX CONCURRENTLY idx_products_created_at ON products (created_at);
CREATE INDEX CONCURRENTLY idx_categories_url ON categories (url);
