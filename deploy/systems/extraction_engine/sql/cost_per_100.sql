-- GBP for each 100 records that an LLM extracted, how many were looked at, and how many of them are new. Judged are the
-- extractions made in the span, and at least the latest twenty. NULL as soon as one of them lacks its token counts or its
-- model's price: a sum over the others would be too low.
with usage as (
    select e.*,
           coalesce(
               e.attributes::jsonb->'llm_usage', e.attributes::jsonb->'_llm_usage',
               e.discovered_attributes::jsonb->'llm_usage', e.discovered_attributes::jsonb->'_llm_usage'
           ) as tokens
    from "ExtractedListing" e
    where e.model_used is not null or e.source in ('serper', 'openstreetmap')
),
prices (model, input, output) as (  -- USD per million tokens: keep in step with the price list of the provider
    values ('claude-haiku-20250318', 0.80, 4.00), ('claude-haiku-4-5', 1.00, 5.00)
),
costs as (
    select u.*,
           ((u.tokens->>'input_tokens')::numeric * p.input + (u.tokens->>'output_tokens')::numeric * p.output)
               / 1000000 * :usd_to_gbp::numeric as gbp
    from usage u
    left join prices p on p.model = u.model_used
),
spans as (
    select *,
           "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent,
           row_number() over (order by "createdAt" desc, id) as place
    from costs
)
select case when bool_and(gbp is not null) then 100 * sum(gbp) / count(distinct raw_ingestion_id) end as gbp,
       count(distinct raw_ingestion_id) as records,
       count(distinct raw_ingestion_id) filter (where recent) as new
from spans
where recent or place <= 20
