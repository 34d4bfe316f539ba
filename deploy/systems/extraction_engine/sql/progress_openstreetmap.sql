-- Rows of this load that openstreetmap has delivered so far; how many there will be, nobody knows.
select count(*)
from "RawIngestion"
where source = 'openstreetmap' and substring(metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
