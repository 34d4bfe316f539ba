-- Rows of this load that serper has delivered so far; how many there will be, nobody knows.
select count(*)
from "RawIngestion"
where source = 'serper' and substring(metadata_json from '"load_id"\s*:\s*"([^"]*)"') = :load_id
