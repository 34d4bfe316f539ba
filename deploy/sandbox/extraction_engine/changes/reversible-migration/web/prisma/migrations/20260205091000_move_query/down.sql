UPDATE "RawIngestion"
SET "metadata_json" = jsonb_set(coalesce("metadata_json", '{}')::jsonb, '{query}', to_jsonb("query"))::text,
    "query" = NULL
WHERE "query" IS NOT NULL;
