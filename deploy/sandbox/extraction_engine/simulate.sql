-- Raw records: so many of each source in each hour, the newest just now; they resemble those that were really fetched.
insert into "RawIngestion" (id, source, source_url, file_path, status, ingested_at, hash, metadata_json)
select 'sim-' || s.source || '-' || h.hour || '-' || n.number, s.source, t.source_url, t.file_path, 'success',
       (now() at time zone 'UTC') - h.hour * interval '1 hour',
       md5('sim-' || s.source || '-' || h.hour || '-' || n.number), '{"simulated": true}'
from unnest(%(sources)s::text[]) as s(source)
cross join generate_series(0, %(hours)s - 1) as h(hour)
cross join generate_series(0, %(each)s - 1) as n(number)
cross join lateral (
    select source_url, file_path from "RawIngestion" r
    where r.source = s.source and r.id not like 'sim-%%' order by id limit 1
) as t;

-- A batch that failed at once, ten hours ago at most.
insert into "RawIngestion" (id, source, source_url, file_path, status, ingested_at, hash, metadata_json)
select 'sim-batch-' || b.number, 'serper', r.source_url, r.file_path, 'success',
       date_trunc('hour', (now() at time zone 'UTC') - least(10, %(hours)s - 1) * interval '1 hour'),
       md5('sim-batch-' || b.number), '{"simulated": true}'
from generate_series(1, %(batch)s) as b(number)
cross join (select source_url, file_path from "RawIngestion" where source = 'serper' order by id limit 1) as r;

-- Those of LLM sources that failed.
insert into "FailedExtraction"
    (id, raw_ingestion_id, source, error_message, error_details, last_attempt_at, "createdAt", "updatedAt")
select 'f' || id, id, source, 'the model is overloaded', '529', ingested_at, ingested_at, ingested_at
from "RawIngestion"
where id like 'sim-batch-%%'
   or (id like 'sim-%%' and source = any(%(llm)s) and right(id, 1)::int < %(each)s * %(failing)s);

-- All others were extracted, as a real record of their source was. One LLM answer in four is new, the rest is cached.
insert into "ExtractedListing"
    (id, raw_ingestion_id, source, entity_type, attributes, discovered_attributes, external_ids, extraction_hash,
     model_used, "createdAt", "updatedAt")
select 'e' || r.id, r.id, r.source, t.entity_type,
       case when %(tokens)s > 0 and r.source = any(%(llm)s)
            then jsonb_set(
                t.attributes::jsonb, '{llm_usage,output_tokens}',
                to_jsonb(%(tokens)s::int
                         / case when r.ingested_at > (now() at time zone 'UTC') - interval '1 day' then 1 else 1000 end)
            )::text
            else t.attributes end,
       t.discovered_attributes, t.external_ids,
       case when t.extraction_hash is null or right(r.id, 1) <> '0' then t.extraction_hash else md5(r.id) end,
       t.model_used, r.ingested_at, r.ingested_at
from "RawIngestion" r
cross join lateral (
    select * from "ExtractedListing" e
    where e.source = r.source and e.raw_ingestion_id not like 'sim-%%' order by md5(e.id || r.hash) limit 1
) as t
where r.id like 'sim-%%' and not exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id);
