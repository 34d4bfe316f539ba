-- Of this load's raw rows: those with an outcome (extracted or quarantined), and all of them.
select count(*) filter (
           where exists (select from "ExtractedListing" e where e.raw_ingestion_id = r.id)
              or exists (select from "FailedExtraction" f where f.raw_ingestion_id = r.id)
       ),
       count(*)
from "RawIngestion" r
where r.status = 'success' and substring(r.metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
