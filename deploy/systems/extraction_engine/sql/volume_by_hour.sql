-- Raw records of the span by hour and source: fetched, extracted, quarantined.
select date_trunc('hour', r.ingested_at) as hour, r.source, count(*) as fetched,
       count(*) filter (where exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)) as extracted,
       count(*) filter (where exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id)) as quarantined
from "RawIngestion" r
where r.ingested_at >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity')
group by 1, 2
order by 1, 2
