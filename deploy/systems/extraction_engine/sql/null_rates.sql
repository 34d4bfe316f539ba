-- Per critical field: the share of extractions that lack it (no key, null, or empty), and how many were looked at.
-- Judged are the extractions made in the span; where there are none, all of them.
with extractions as (
    select attributes::jsonb as found,
           "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent
    from "ExtractedListing"
),
judged as (
    select found from extractions where recent or not exists (select from extractions where recent)
)
select f.field, avg((coalesce(j.found->>f.field, '') = '')::int), count(*)
from judged j
cross join (
    values ('entity_name'), ('latitude'), ('longitude'), ('street_address'), ('city'), ('postcode')
) as f(field)
group by f.field
order by f.field
