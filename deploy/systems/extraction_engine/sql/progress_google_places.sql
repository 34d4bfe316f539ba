-- Rows of this load that google_places has delivered so far; how many there will be, nobody knows.
select count(*)
from "RawIngestion"
where source = 'google_places' and substring(metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
