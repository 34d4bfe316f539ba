-- Raw records that were fetched well and are neither extracted nor quarantined.
select count(*)
from "RawIngestion" r
where r.status = 'success'
  and not exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)
  and not exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id)
