-- How many raw records failed and were not extracted since, and of how many that were attempted in the span. A raw record
-- counts once, however many rows or retries came of it.
with attempts as (
    select raw_ingestion_id, max(at) as at, bool_or(extracted) as extracted
    from (
        select raw_ingestion_id, greatest("createdAt", "updatedAt") as at, true as extracted from "ExtractedListing"
        union all
        select raw_ingestion_id, coalesce(last_attempt_at, "createdAt"), false from "FailedExtraction"
    ) as outcomes
    group by raw_ingestion_id
)
select count(*) filter (where not extracted) as failed, count(*) as attempted
from attempts
where at >= :since::timestamptz at time zone 'UTC'
