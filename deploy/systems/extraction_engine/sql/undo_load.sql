-- Takes one load back. Extractions and failures of its raw rows go with them (on delete cascade).
delete from "RawIngestion"
where substring(metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
