-- Rows that point at nothing.
select 'ExtractedListing' as "table", e.id, e.raw_ingestion_id as missing
from "ExtractedListing" e where not exists (select from "RawIngestion" r where r.id = e.raw_ingestion_id)
union all
select 'FailedExtraction', f.id, f.raw_ingestion_id
from "FailedExtraction" f where not exists (select from "RawIngestion" r where r.id = f.raw_ingestion_id)
union all
select 'ListingRelationship', s.id, s."sourceListingId"
from "ListingRelationship" s where not exists (select from "Listing" l where l.id = s."sourceListingId")
union all
select 'ListingRelationship', t.id, t."targetListingId"
from "ListingRelationship" t where not exists (select from "Listing" l where l.id = t."targetListingId")
union all
select 'MergeConflict', c.id, c.listing_id
from "MergeConflict" c
where c.listing_id is not null and not exists (select from "Listing" l where l.id = c.listing_id)
