-- GBP for each 100 records that an LLM extracted, how many were looked at, and how many of them are new. Judged are the
-- extractions made in the span, and at least the latest twenty. NULL as soon as one of them lacks its token counts or its
-- model's price: a sum over the others would be too low.
\ir costs.sql
,
latest as (
    select id from "ExtractedListing"
    where model_used is not null or source in ('serper', 'openstreetmap')
    order by "createdAt" desc, id limit 20
),
spans as (
    select *, "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent from costs
)
select case when bool_and(gbp is not null) then 100 * sum(gbp) / count(distinct raw_ingestion_id) end as gbp,
       count(distinct raw_ingestion_id) as records,
       count(distinct raw_ingestion_id) filter (where recent) as new
from spans
where recent or id in (select id from latest)
