-- Per source of the load: raw rows that were fetched well, ever. A source that brings only known records adds none.
select s.source, count(r.id)
from (values ('google_places'), ('serper'), ('openstreetmap')) as s(source)
left join "RawIngestion" r on r.source = s.source and r.status = 'success'
group by s.source
order by s.source
