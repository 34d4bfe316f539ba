# Reads what is new in log files, and counts it by minute, level, source and message template. What was counted before is
# kept in $state, with how far each file was read; files are known again when they are rotated or compressed.
# Before it: $state, $since, $oldest (minutes like 2026-11-23T01:30), `each` (calls a function with each file), `scan`.
# shellcheck shell=sh disable=SC2016
: "${state:?}" "${since:?}" "${oldest:?}"
export LC_ALL=C
tab=$(printf '\t')
mkdir -p -- "${state%/*}" || exit 3
new=$(mktemp "$state.XXXXXX") || exit 3
: >"$new.hits"
trap 'rm -f -- "$new" "$new.hits" "$new.whole"' EXIT
old=$state
[ -e "$old" ] || old=/dev/null

content() { case $1 in *.gz) gzip -dc -- "$1" ;; *) cat -- "$1" ;; esac; }
size_of() { case $1 in *.gz) gzip -dc -- "$1" | wc -c ;; *) wc -c <"$1" ;; esac; }
at() { [ "$1" -eq 0 ] || dd bs=1 skip="$1" count=0 2>/dev/null; }  # of its input, without reading what is before
from() { case $1 in *.gz) gzip -dc -- "$1" | tail -c +"$(($2 + 1))" ;; *) { at "$2"; cat; } <"$1" ;; esac; }
part() {
  case $1 in
    *.gz) from "$1" "$2" | head -c "$3" ;;
    *)
      { at "$2"; dd bs=65536 count="$(($3 / 65536))" 2>/dev/null
        [ "$(($3 % 65536))" -eq 0 ] || head -c "$(($3 % 65536))"; } <"$1"
      ;;
  esac
}
sum() { cksum | tr ' ' -; }
before() { part "$1" "$(($2 > 256 ? $2 - 256 : 0))" "$(($2 > 256 ? 256 : $2))" | sum; }

# How far a file was read: of all files that began with the same line, the one that is the same up to there.
read_to() {
  awk -F "$tab" -v first="$first" '$1 == "f" && $2 == first { print $3, $5 }' "$old" | sort -rn |
    while read -r offset known; do
      [ "$offset" -le "$size" ] && [ "$(before "$1" "$offset")" = "$known" ] && { echo "$offset"; break; }
    done
}

# The lines that are whole; what is being written is read the next time.
whole_to() {
  [ "$(part "$1" "$((size - 1))" 1 | wc -l)" -eq 1 ] && { echo "$size"; return; }
  echo "$((size - $(part "$1" "$start" "$((size - start))" | tail -n 1 | wc -c)))"
}

count='
function field(name, rest, end, next_) {
  end = index($0, "\"" name "\":")
  if (!end) return ""
  rest = substr($0, end + length(name) + 3)
  if (substr(rest, 1, 1) == " ") rest = substr(rest, 2)
  if (substr(rest, 1, 1) != "\"") return ""
  rest = substr(rest, 2)
  end = index(rest, "\"")
  while (end && substr(rest, end - 1, 1) == "\\") {  # a quote within the text
    next_ = index(substr(rest, end + 1), "\"")
    if (!next_) break
    end += next_
  }
  return substr(rest, 1, end - 1)
}
function text_of(key, size, name, rest, end) {  # as it is usually written; else field() looks more closely
  if (end = index($0, key)) {
    rest = substr($0, end + size, 80)
    if ((end = index(rest, "\"")) && (plain || substr(rest, end - 1, 1) != "\\")) return substr(rest, 1, end - 1)
  }
  return field(name)
}
function alike(text) {  # the template that a message was made from
  if (index(text, "\t") || index(text, "\r")) gsub(/[\t\r]/, " ", text)
  if (index(text, "\"")) gsub(/\\?"[^"\\]*\\?"/, "\"?\"", text)
  if (gsub(/[0-9]+/, "#", text) > 1) gsub(/#[a-f#]*#/, "#", text)
  sub(/^ +/, "", text)
  return substr(text, 1, 160)
}
match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]/) {
  at = substr($0, RSTART, 16)
  if (at != last) { last = at; minute = substr(at, 1, 10) "T" substr(at, 12) }
  if ($0 ~ /^[ \t]*\{/) {
    plain = !index($0, "\\")
    level = text_of("\"level\": \"", 10, "level"); source = text_of("\"source\": \"", 11, "source")
    text = text_of("\"message\": \"", 12, "message")
  } else {
    text = substr($0, 1, RSTART - 1) substr($0, RSTART + 16); source = ""; level = ""
    sub(/^:[0-9][0-9]([.,][0-9]+)?(Z|[+-][0-9][0-9]:?[0-9][0-9])?/, "", text)
    if (match(text, /(^|[^A-Za-z])(CRITICAL|FATAL|ERROR|WARNING|WARN|NOTICE|INFO|DEBUG)([^A-Za-z]|$)/)) {
      level = substr(text, RSTART, RLENGTH); gsub(/[^A-Z]/, "", level)
    }
  }
  if (text in known) text = known[text]
  else if (kept < 10000) { kept++; text = known[text] = alike(text) }
  else text = alike(text)
  lines[minute "\t" level "\t" source "\t" text]++
}
END { for (line in lines) print "c\t" line "\t" lines[line] }'

# Both at the same time. What is appended meanwhile is not counted, and what is found in it is left for the next time.
look() {
  { search "$@" || echo broken >>"$new.hits"; } | { part "$@" | awk "$count" >>"$new" || echo broken >>"$new"; }
  printf 'read\t%s\n' "$3"
}
search() {
  case $1 in *.gz) part "$@" | scan "$@" ;; *) { at "$2"; scan "$@"; } <"$1" ;; esac >>"$new.hits"
}

review() {
  file=$1
  [ -e "$file" ] || return 0
  [ -r "$file" ] || exit 3
  stamp=$(stat -c %i:%s:%Y -- "$file") || exit 3
  known=$(awk -F "$tab" -v stamp="$stamp" '$1 == "f" && $4 == stamp { print; exit }' "$old")
  [ -n "$known" ] && return 0
  case $file in *.gz) gzip -t -- "$file" || exit 3 ;; esac
  size=$(size_of "$file")
  [ "$size" -gt 0 ] || return 0
  first=$(content "$file" | head -n 1 | sum)
  start=$(read_to "$file")
  start=${start:-0} end=$size
  [ "$start" -eq "$size" ] || end=$(whole_to "$file")
  [ "$end" -eq "$start" ] || look "$file" "$start" "$((end - start))"
  printf 'f\t%s\t%s\t%s\t%s\n' "$first" "$end" "$stamp" "$(before "$file" "$end")" >>"$new"
}
each review
cat -- "$new.hits" >>"$new" || exit 3
! grep -q '^broken$' "$new" || exit 3

# One file holds offsets and counts, and is replaced whole: a run that is cut off counts nothing twice.
awk -F "$tab" -v OFS="$tab" -v oldest="$oldest" '
$1 == "f" { split($4, stamp, ":"); offset[stamp[1]] = $0; next }
$1 == "h" { if (!seen[$0]++) print; next }
$1 == "c" { if ($2 < oldest) $2 = substr($2, 1, 10) "T00:00"; count[$2 OFS $3 OFS $4 OFS $5] += $6 }
END {
  for (one in offset) print offset[one]
  for (one in count) print "c", one, count[one]
}' "$old" "$new" >"$new.whole" || exit 3
mv -- "$new.whole" "$state" || exit 3

awk -F "$tab" -v OFS="$tab" -v since="$since" '
$1 == "h" && $2 >= since { print "hit", $3, $4, $5 }
$1 == "c" {
  line = $3 OFS $4 OFS $5
  if ($2 < since) { earlier[line]; before += $6; next }
  now[line] += $6; level[$3] += $6
}
END {
  print "earlier", before + 0
  for (one in level) print "level", one, level[one]
  for (one in now) print "line", now[one], (one in earlier ? "known" : "new"), one
}' "$state" | sort -t "$tab" -k 1,1 -k 2,2rn | awk -F "$tab" '$1 != "line" || lines++ < 500'
