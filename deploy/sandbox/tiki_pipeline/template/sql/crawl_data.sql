CREATE TABLE categories (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category_id   text NOT NULL UNIQUE,
    name          text NOT NULL,
    url           text NOT NULL,
    image_url     text,
    parent_url    text,
    level         integer NOT NULL DEFAULT 0,
    product_count integer NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_categories_parent_url ON categories (parent_url);
CREATE INDEX idx_categories_level ON categories (level);

CREATE TABLE products (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id         text NOT NULL UNIQUE,
    sku                text NOT NULL,
    name               text NOT NULL,
    url                text NOT NULL,
    image_url          text,
    category_url       text NOT NULL,
    sales_count        integer,
    price              numeric(14, 2) NOT NULL,
    original_price     numeric(14, 2),
    discount_percent   numeric(5, 2),
    rating_average     numeric(3, 2),
    review_count       integer,
    description        text,
    specifications     jsonb,
    images             jsonb,
    seller_name        text,
    seller_id          text,
    seller_is_official boolean,
    brand              text,
    stock_available    boolean,
    stock_quantity     integer,
    stock_status       text,
    shipping           jsonb,
    estimated_revenue  numeric(16, 2),
    price_savings      numeric(14, 2),
    popularity_score   numeric(8, 2),
    value_score        numeric(8, 2),
    discount_amount    numeric(14, 2),
    sales_velocity     numeric(12, 2),
    crawled_at         timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_products_category_url ON products (category_url);
CREATE INDEX idx_products_sales_count ON products (sales_count);
CREATE INDEX idx_products_crawled_at ON products (crawled_at);

CREATE TABLE crawl_history (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    crawl_type    text NOT NULL,
    run_id        text NOT NULL,
    category_url  text,
    product_id    text,
    status        text NOT NULL,
    items_count   integer NOT NULL DEFAULT 0,
    error_message text,
    started_at    timestamptz NOT NULL,
    completed_at  timestamptz NOT NULL DEFAULT now()
);
