-- Per source of the load: raw rows of which at least one extraction was made.
select s.source, count(distinct e.raw_ingestion_id)
from (values ('google_places'), ('serper'), ('openstreetmap')) as s(source)
left join "RawIngestion" r on r.source = s.source and r.status = 'success'
left join "ExtractedListing" e on e.raw_ingestion_id = r.id
group by s.source
order by s.source
