-- The query moves out of the JSON into its column.
UPDATE "RawIngestion"
SET "query" = "metadata_json"::jsonb->>'query',
    "metadata_json" = ("metadata_json"::jsonb - 'query')::text
WHERE "metadata_json"::jsonb ? 'query';
