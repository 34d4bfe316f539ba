# Loads one half of the records (sh load.sh 1 or 2). All of it or nothing, and a second time nothing.
set -eu
: "${TINY_API_KEY:?} ${LOAD_ID:?}"
if [ -e ../../shared/no-source ]; then echo "no source" >&2; exit 8; fi
psql -Xq -v ON_ERROR_STOP=1 -v half="$1" -v load="$LOAD_ID" <<'SQL'
insert into record
select :'load', n, 1 + n % 10, n / 2.0
from generate_series(:half * 20 - 19, :half * 20) n
on conflict do nothing;
SQL
