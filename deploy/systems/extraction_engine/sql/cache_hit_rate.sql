-- An estimate from what is stored: extractions that share a cache key with an earlier one. NULL where no key repeats:
-- that cannot be told from a cache that nobody asks.
select nullif(1 - count(distinct extraction_hash)::numeric / nullif(count(extraction_hash), 0), 0)
from "ExtractedListing"
where model_used is not null or source in ('serper', 'openstreetmap')
