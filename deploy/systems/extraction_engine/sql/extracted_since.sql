-- Per source of the load: raw rows extracted in the span.
select s.source, count(distinct e.raw_ingestion_id)
from (values ('google_places'), ('serper'), ('openstreetmap')) as s(source)
left join "RawIngestion" r on r.source = s.source
left join "ExtractedListing" e
       on e.raw_ingestion_id = r.id
      and e."createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity')
group by s.source
order by s.source
