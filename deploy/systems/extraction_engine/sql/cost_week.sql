-- Seven days of LLM use, per source: records, tokens, GBP, and GBP per record; priced only where tokens are stored.
\ir costs.sql
select source,
       count(distinct raw_ingestion_id) as records,
       count(gbp) as priced,
       sum((tokens->>'input_tokens')::bigint) as input_tokens,
       sum((tokens->>'output_tokens')::bigint) as output_tokens,
       round(sum(gbp), 4) as gbp,
       round(sum(gbp) / nullif(count(distinct raw_ingestion_id), 0), 6) as gbp_per_record
from costs
where "createdAt" >= (now() at time zone 'UTC') - interval '7 days'
group by source
order by source
