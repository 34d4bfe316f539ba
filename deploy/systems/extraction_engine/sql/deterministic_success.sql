-- Per deterministic source: the share of its attempted raw records that were extracted, how many were attempted, how many of
-- them are new. A raw record counts once, however many rows or retries came of it. Judged are the records ingested in
-- the span, and at least the latest twenty: a source often brings nothing new. NULL where nothing was ever attempted.
with attempted as (
    select r.source,
           r.ingested_at >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent,
           row_number() over (partition by r.source order by r.ingested_at desc, r.id) as place,
           exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id) as extracted
    from "RawIngestion" r
    where r.status = 'success'
      and r.source not in ('serper', 'openstreetmap')
      and (exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)
           or exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id))
),
sources as (
    select source from (values ('google_places')) as loaded(source)
    union
    select source from attempted
)
select s.source,
       avg(a.extracted::int) as success_rate,
       count(a.source) as records,
       count(*) filter (where a.recent) as new
from sources s
left join attempted a on a.source = s.source and (a.recent or a.place <= 20)
group by s.source
order by s.source
