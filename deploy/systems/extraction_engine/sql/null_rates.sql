-- Per critical field: the share of extractions that lack it (no key, null, or empty), how many were looked at, and how
-- many of them are new. Judged are the extractions made in the span, and at least the latest twenty.
with latest as (
    select id from "ExtractedListing" order by "createdAt" desc, id limit 20
),
extractions as (
    select told.found, e."createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent
    from "ExtractedListing" e
    cross join lateral (select e.attributes::jsonb as found offset 0) as told  -- so that each text is parsed once
    where e."createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity')
       or e.id in (select id from latest)
),
rates as (
    select count(*) as extractions,
           count(*) filter (where recent) as new,
           avg((coalesce(found->>'entity_name', '') = '')::int) as entity_name,
           avg((coalesce(found->>'latitude', '') = '')::int) as latitude,
           avg((coalesce(found->>'longitude', '') = '')::int) as longitude,
           avg((coalesce(found->>'street_address', '') = '')::int) as street_address,
           avg((coalesce(found->>'city', '') = '')::int) as city,
           avg((coalesce(found->>'postcode', '') = '')::int) as postcode
    from extractions
    having count(*) > 0
)
select f.field, f.null_rate, r.extractions, r.new
from rates r
cross join lateral (
    values ('city', r.city), ('entity_name', r.entity_name), ('latitude', r.latitude), ('longitude', r.longitude),
           ('postcode', r.postcode), ('street_address', r.street_address)
) as f(field, null_rate)
order by f.field
