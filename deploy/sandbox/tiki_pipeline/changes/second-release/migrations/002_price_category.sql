ALTER TABLE products ADD COLUMN price_category text;
