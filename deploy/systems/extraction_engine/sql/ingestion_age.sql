-- Per source of the load: hours since it last delivered. NULL where it never has.
select s.source,
       extract(epoch from (now() at time zone 'UTC') - max(r.ingested_at)) / 3600
from (values ('google_places'), ('serper'), ('openstreetmap')) as s(source)
left join "RawIngestion" r on r.source = s.source and r.status = 'success'
group by s.source
order by s.source
