-- Per critical field: the share of extractions that lack it (no key, null, or empty), how many were looked at, and how
-- many of them are new. Judged are the extractions made in the span, and at least the latest twenty.
with extractions as (
    select attributes::jsonb as found,
           "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent,
           row_number() over (order by "createdAt" desc, id) as place
    from "ExtractedListing"
)
select f.field,
       avg((coalesce(e.found->>f.field, '') = '')::int) as null_rate,
       count(*) as extractions,
       count(*) filter (where e.recent) as new
from extractions e
cross join (
    values ('entity_name'), ('latitude'), ('longitude'), ('street_address'), ('city'), ('postcode')
) as f(field)
where e.recent or e.place <= 20
group by f.field
order by f.field
