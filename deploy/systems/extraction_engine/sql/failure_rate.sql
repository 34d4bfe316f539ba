-- Share of attempted raw records that failed and were not extracted since, over the last 24 hours in which the engine
-- worked. NULL when it never did.
with attempts as (
    select raw_ingestion_id, max(at) as at, bool_or(extracted) as extracted
    from (
        select raw_ingestion_id, greatest("createdAt", "updatedAt") as at, true as extracted from "ExtractedListing"
        union all
        select raw_ingestion_id, coalesce(last_attempt_at, "createdAt"), false from "FailedExtraction"
    ) as outcomes
    group by raw_ingestion_id
)
select avg((not extracted)::int)
from attempts
where at > (select max(at) from attempts) - interval '24 hours'
