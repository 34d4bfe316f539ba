-- Twenty extractions of this load, for a person to compare with their raw files.
select r.source, e.entity_type, e.attributes, e.model_used, r.source_url, r.file_path
from "RawIngestion" r
join "ExtractedListing" e on e.raw_ingestion_id = r.id
where substring(r.metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
order by random()
limit 20
