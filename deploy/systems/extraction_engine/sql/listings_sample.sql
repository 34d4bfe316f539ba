-- Fifteen listings made or changed in the span (of all, where it has none), with their categories.
with spans as (
    select *, "updatedAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity') as recent from "Listing"
)
select l.entity_name, l."entityType", l.street_address, l.city, l.postcode, l.website_url, l.summary, l.source_info,
       (select string_agg(c.name, ', ' order by c.name)
        from "_CategoryToListing" m join "Category" c on c.id = m."A"
        where m."B" = l.id) as categories
from spans l
where l.recent or not exists (select from spans where recent)
order by random()
limit 15
