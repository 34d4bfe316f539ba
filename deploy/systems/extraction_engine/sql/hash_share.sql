-- Share of LLM extractions that store their cache key, and how many were looked at: those made in the span, and at least
-- the latest twenty. NULL where there are none.
select avg((extraction_hash is not null)::int), count(*)
from (
    select extraction_hash,
           "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent,
           row_number() over (order by "createdAt" desc, id) as place
    from "ExtractedListing"
    where model_used is not null or source in ('serper', 'openstreetmap')
) as llm
where recent or place <= 20
