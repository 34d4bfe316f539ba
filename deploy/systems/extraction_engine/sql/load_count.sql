-- Raw rows of one load. The id is read as text, so that a row whose metadata is no JSON spoils nothing.
select count(*)
from "RawIngestion"
where substring(metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
