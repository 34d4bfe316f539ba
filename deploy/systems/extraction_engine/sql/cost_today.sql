-- GBP spent on LLM extractions since midnight UTC; 0 where there were none. NULL as soon as one of them lacks its
-- token counts or its model's price.
\ir costs.sql
select case when count(*) = 0 then 0 when bool_and(gbp is not null) then sum(gbp) end
from costs
where "createdAt" >= date_trunc('day', now() at time zone 'UTC')
