-- Listings by type: all, and made in the span.
select "entityType",
       count(*) as listings,
       count(*) filter (where "createdAt" >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity')) as new
from "Listing"
group by "entityType"
order by "entityType"
