-- Raw rows of this load that are neither extracted nor quarantined.
select count(*)
from "RawIngestion" r
where r.status = 'success'
  and substring(r.metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
  and not exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)
  and not exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id)
