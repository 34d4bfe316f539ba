-- GBP for each record that an LLM extracted in the span. NULL, all of them, as soon as one lacks its token counts or its
-- model's price: the others might be the cheap ones.
\ir costs.sql
,
records as (
    select raw_ingestion_id, sum(gbp) as gbp, bool_and(gbp is not null) as priced
    from costs
    where "createdAt" >= :since::timestamptz at time zone 'UTC'
    group by raw_ingestion_id
)
select case when bool_and(priced) over () then gbp end as gbp
from records
order by raw_ingestion_id
