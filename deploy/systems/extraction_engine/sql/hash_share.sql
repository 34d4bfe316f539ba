-- Share of LLM extractions of the span (of all, where it has none) that store their cache key.
with llm as (
    select extraction_hash,
           "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent
    from "ExtractedListing"
    where model_used is not null or source in ('serper', 'openstreetmap')
)
select avg((extraction_hash is not null)::int), count(*)
from llm
where recent or not exists (select from llm where recent)
