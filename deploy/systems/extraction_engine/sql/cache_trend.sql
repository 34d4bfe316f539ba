-- The last day's share of repeated cache keys less that of the day before. NULL with fewer than two days, or where no
-- key ever repeats.
with keys as (
    select date_trunc('day', "createdAt") as day,
           row_number() over (partition by extraction_hash order by "createdAt", id) > 1 as repeated
    from "ExtractedListing"
    where extraction_hash is not null
),
days as (
    select day, avg(repeated::int) as rate, lag(avg(repeated::int)) over (order by day) as before
    from keys
    group by day
)
select rate - before
from days
where exists (select from keys where repeated)
order by day desc
limit 1
