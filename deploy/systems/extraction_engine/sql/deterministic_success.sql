-- Per deterministic source: the share of its attempted raw records that were extracted, and how many were attempted.
-- A raw record counts once, however many rows or retries came of it. Judged are the records ingested in the span;
-- of a source that brought nothing new, all of its records, and its label says so. NULL where nothing was ever attempted.
with attempted as (
    select r.source,
           r.ingested_at >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent,
           exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id) as extracted
    from "RawIngestion" r
    where r.status = 'success'
      and r.source not in ('serper', 'openstreetmap')
      and (exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)
           or exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id))
),
judged as (
    select source, recent, extracted, bool_or(recent) over (partition by source) as any_recent
    from attempted
),
sources as (
    select source from (values ('google_places')) as loaded(source)
    union
    select source from attempted
)
select s.source || case when bool_or(j.any_recent) then '' else ' (nothing new: all of its records)' end as source,
       avg(j.extracted::int) as success_rate,
       count(j.source) as records
from sources s
left join judged j on j.source = s.source and (j.recent or not j.any_recent)
group by s.source
order by s.source
