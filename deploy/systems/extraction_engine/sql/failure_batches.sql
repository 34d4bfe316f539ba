-- The largest group of failures of one hour, one source and one message in the span; 0 when nothing failed.
select coalesce(max(size), 0)
from (
    select count(*) as size
    from "FailedExtraction"
    where coalesce(last_attempt_at, "createdAt") >= coalesce(:since::timestamptz at time zone 'UTC', '-infinity')
    group by date_trunc('hour', coalesce(last_attempt_at, "createdAt")), source, error_message
) as batches
