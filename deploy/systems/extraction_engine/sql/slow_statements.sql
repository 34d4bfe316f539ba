-- The ten statements that took longest on average; needs the extension pg_stat_statements.
select left(regexp_replace(query, '\s+', ' ', 'g'), 120) as statement, calls,
       round(mean_exec_time::numeric, 1) as mean_ms, round(total_exec_time::numeric) as total_ms
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
order by mean_exec_time desc
limit 10
